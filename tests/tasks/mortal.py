"""A worker that can be killed: whatever it reaches for after its death, and what its `finally` would do, does not happen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from tasks.parts import Parts


class Killed(BaseException):
    """SIGKILL, as far as one thread can have it: no `except Exception` sees it."""


@dataclass
class Doom:
    """Kills at the `nth` call of `at`, such as `backend.create`, after it was done (or before, by `before`)."""

    at: str
    nth: int = 1
    before: bool = False
    dead: bool = False
    calls: list[str] = field(default_factory=list)

    def wrap(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def mortal(*args: Any, **kwargs: Any) -> Any:
            if self.dead:
                raise Killed
            self.calls.append(name)
            due = self.calls.count(name) == self.nth and name == self.at
            if not (due and self.before):
                done = call(*args, **kwargs)
                if not due:
                    return done
            self.dead = True
            raise Killed

        return mortal


class Mortal:
    """An object whose calls go through a doom."""

    def __init__(self, name: str, real: Any, doom: Doom) -> None:
        self._name, self._real, self._doom = name, real, doom

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        return self._doom.wrap(f"{self._name}.{name}", found) if callable(found) else found


def mortal(parts: Parts, doom: Doom) -> Parts:
    """Return the same parts for a worker that is doomed."""
    def wrap(name: str, real: Any) -> Any:
        return Mortal(name, real, doom)

    def agent(name: str) -> Any:
        return wrap("agent", parts.agent(name))

    return replace(
        parts,
        database=wrap("database", parts.database), minter=wrap("minter", parts.minter),
        services={source: wrap("service", service) for source, service in parts.services.items()},
        workspaces=wrap("workspaces", parts.workspaces), gateway=wrap("gateway", parts.gateway),
        backends=tuple(wrap("backend", backend) for backend in parts.backends), agent=agent,
    )
