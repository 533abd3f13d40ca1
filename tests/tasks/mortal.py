"""A worker that can be killed: whatever it reaches for after its death, and what its `finally` would do, does not happen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from app.execute.grants.keeping import KeepingMinter
from app.execute.grants.vault import Vault
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
    vault: Vault | None = None
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
            self.die()
            raise Killed

        return mortal


    def die(self) -> None:
        """Be dead: the kernel closes what a dead process had open, and lets go of its locks."""
        self.dead = True
        if self.vault is not None:
            for credential_id in list(self.vault._held):
                self.vault.release(credential_id)


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

    # A process has locks of its own, and one that lives would hold them for the dead one.
    vault = doom.vault = Vault(parts.settings.credentials_dir)
    inner = parts.minter._inner if isinstance(parts.minter, KeepingMinter) else parts.minter
    return replace(
        parts, vault=vault,
        database=wrap("database", parts.database), minter=wrap("minter", KeepingMinter(inner, vault)),
        services={source: wrap("service", service) for source, service in parts.services.items()},
        workspaces=wrap("workspaces", parts.workspaces), gateway=wrap("gateway", parts.gateway),
        backends=tuple(wrap("backend", backend) for backend in parts.backends), agent=agent,
    )
