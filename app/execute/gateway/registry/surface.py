"""`/registry/<name>/*`: package registries of the operator's settings, to read from only."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import anyio
import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.core.assignment import LOOPBACK_URL
from app.core.sandbox.registry import Registry
from app.core.step import Step
from app.execute.gateway.body import cut_when_gone
from app.execute.gateway.denials import record_denial
from app.execute.gateway.door import Door
from app.execute.gateway.registry.answers import error
from app.execute.gateway.registry.entry import Entry
from app.execute.gateway.registry.exchange import Exchange
from app.execute.gateway.registry.links import Links
from app.execute.gateway.registry.paths import Wanted, admit
from app.execute.gateway.registry.shelf import Shelf
from app.ledger import audit, steps

log = structlog.get_logger()

# One sandbox asks for so much at a time, and so often in all.
_AT_ONCE = 32
_MOST_REQUESTS = 100_000
_SCOPE = re.compile(rb"(?:[^@]*/)?(@[A-Za-z0-9._~-]+)(?:/|%2[fF])")
_HOST = re.compile(r"(?:127\.0\.0\.1|localhost)(?::[0-9]{1,5})?")


def registry_routes(shelf: Shelf) -> Callable[[Door], list[Route]]:
    """Return the surface of the registries."""

    def routes(door: Door) -> list[Route]:
        registries = RegistryDoor(door, shelf)
        # The second is where npm looks for a tarball when it puts the door's host in place of the registry's.
        return [Route("/registry/{rest:path}", registries), Route("/{package:path}/-/{tarball}", registries)]

    return routes


class RegistryDoor:
    """The registries on one door, as an ASGI application."""

    def __init__(self, door: Door, shelf: Shelf) -> None:
        self._door = door
        self._shelf = shelf
        self._slots = anyio.Semaphore(_AT_ONCE)
        self._asked = 0
        self._silent: set[tuple[str, str]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        self._asked += 1
        method, name, rest = scope["method"], *self._split(scope["raw_path"])
        asked = f"{method} {scope['raw_path'].decode('latin-1')}"
        entry = self._shelf.entries.get(name)
        if name not in self._door.assignment.door.registries:
            await self._refuse(asked, "the profile does not name this registry", scope, receive, send)
        elif entry is None:
            message = f"this Bellhop knows no registry {name}: its operator looks at BELLHOP_REGISTRIES_FILE"
            await error(503, "bellhop_no_registry", message)(scope, receive, send)
        elif method not in ("GET", "HEAD"):
            await self._refuse(asked, "registries are read from only", scope, receive, send)
        elif (wanted := admit(entry.registry, rest)) is None or scope["query_string"]:
            await self._refuse(asked, f"no path that a reader of {entry.registry.kind} needs", scope, receive, send)
        elif self._asked > _MOST_REQUESTS:
            await self._refuse(asked, f"more than {_MOST_REQUESTS} requests", scope, receive, send)
        else:
            await self._answer(entry, wanted, asked, scope, receive, send)

    async def _answer(
        self, entry: Entry, wanted: Wanted, asked: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        async with self._slots, anyio.create_task_group() as tasks:
            tasks.start_soon(cut_when_gone, receive, tasks.cancel_scope)
            with self._door.allowance.share() as share:
                exchange = Exchange(self._shelf, Links(entry, _base(scope), for_npm=_is_npm(scope)), wanted, share, send,
                                    self._door.parsing)
                failure = None
                try:
                    failure = await exchange.run(scope)
                finally:
                    with anyio.CancelScope(shield=True):
                        await self._record(entry, asked, exchange)
                if failure is not None:
                    await failure(scope, receive, send)
            tasks.cancel_scope.cancel()

    async def _record(self, entry: Entry, asked: str, exchange: Exchange) -> None:
        """Put the use of a token on record, and what Bellhop itself refused of the registry's answer."""
        if exchange.denied:
            log.warning("registry_answer_refused", registry=entry.name, sandbox=self._door.sandbox_id, why=exchange.denied)
            await record_denial(self._door, surface="registry", target=asked, why=exchange.denied)
        if exchange.silent:
            await self._tell(entry.name, exchange.silent)
        if not exchange.used_token:
            return
        try:
            await self._door.write(lambda tx: audit.record(
                tx, run_id=self._door.run_id, credential_id=entry.fingerprint, action="registry", target=asked,
                verdict=str(exchange.status) if exchange.status else "no answer",
            ))
        except SQLAlchemyError as failed:
            log.error("registry_use_not_recorded", sandbox=self._door.sandbox_id, error=type(failed).__name__)

    async def _tell(self, name: str, why: str) -> None:
        """Say in the log and the transcript, once for each cause, that a registry could not be asked: pip for one says nothing."""
        if (name, why) in self._silent:
            return
        self._silent.add((name, why))
        log.warning("registry_not_asked", registry=name, sandbox=self._door.sandbox_id, why=why)
        step = Step(kind="log", text=f"registry {name}: {why}", data={"stream": "registry"})
        try:
            await self._door.write(lambda tx: steps.append(tx, self._door.run_id, self._door.sandbox_id, [step]))
        except SQLAlchemyError as failed:
            log.error("registry_failure_not_recorded", sandbox=self._door.sandbox_id, error=type(failed).__name__)

    def _split(self, raw_path: bytes) -> tuple[str, bytes]:
        """Return the registry's name and what follows, as they came; a path that is spelled in another way has no name."""
        if raw_path.startswith(b"/registry/"):
            name, _, rest = raw_path.removeprefix(b"/registry/").partition(b"/")
            return self._by_scope(name.decode("ascii", "replace"), rest), rest
        if raw_path.startswith(b"/") and b"/-/" in raw_path:
            plain = (name for name, registry in self._npms() if registry.scope is None)
            return self._by_scope(next(plain, ""), raw_path[1:]), raw_path[1:]
        return "", b""

    def _by_scope(self, name: str, rest: bytes) -> str:
        """Return which registry answers: a scope that one of them is for is asked of that one, whichever npm asks.

        npm itself forgets about scopes when it puts the door's host in place of a lock file's.
        """
        entry = self._shelf.entries.get(name)
        found = _SCOPE.match(rest)
        if found is None or (entry is not None and entry.registry.kind != "npm"):
            return name
        scoped = (each for each, registry in self._npms() if registry.scope == found[1].decode())
        return next(scoped, name)

    def _npms(self) -> Iterator[tuple[str, Registry]]:
        for name in self._door.assignment.door.registries:
            entry = self._shelf.entries.get(name)
            if entry is not None and entry.registry.kind == "npm":
                yield name, entry.registry

    async def _refuse(self, asked: str, why: str, scope: Scope, receive: Receive, send: Send) -> None:
        await record_denial(self._door, surface="registry", target=asked, why=why)
        await error(403, "bellhop_refused", f"Bellhop does not pass this on: {why}")(scope, receive, send)


def _is_npm(scope: Scope) -> bool:
    return any(name == b"user-agent" and value.startswith(b"npm/") for name, value in scope["headers"])


def _base(scope: Scope) -> str:
    """Return how the sandbox reaches its door: by what it says itself, where that is its own loopback."""
    for name, value in scope["headers"]:
        if name == b"host" and _HOST.fullmatch(text := value.decode("latin-1")):
            return f"http://{text}"
    return LOOPBACK_URL
