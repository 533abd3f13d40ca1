"""`/git` and `/github` on one door: admitted calls of the run's own repository, with its read token put in outside."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.execute.gateway.body import cut_when_gone, read_body
from app.execute.gateway.denials import record_denial
from app.execute.gateway.door import Door
from app.execute.gateway.repository.forge import Forge
from app.execute.gateway.repository.paths import Call, Refusal, Surface, admit_git, admit_github
from app.execute.gateway.repository.refusals import refused, told
from app.execute.gateway.repository.relay import Relay

log = structlog.get_logger()

# What a fetch asks for: names of commits, a hundred bytes each at most.
REQUEST_BYTES = 16 * 1024 * 1024
# Each is an audit row; no agent reads so often.
MOST_REQUESTS = 10_000
_AT_ONCE = 8


def repository_routes(forge: Forge) -> Callable[[Door], list[Route]]:
    """Return the surface of the run's repository; a door whose rules name none has none."""

    def routes(door: Door) -> list[Route]:
        repository = door.assignment.door.repository
        if repository is None:
            return []
        at_once = anyio.Semaphore(_AT_ONCE)
        surfaces: tuple[Surface, ...] = ("git", "github")
        return [Route(f"/{surface}/{{rest:path}}", RepositoryApi(door, forge, surface, repository, at_once)) for surface in surfaces]

    return routes


class RepositoryApi:
    """One of the two on one door, as an ASGI application."""

    def __init__(self, door: Door, forge: Forge, surface: Surface, repository: str, at_once: anyio.Semaphore) -> None:
        self._door = door
        self._forge = forge
        self._surface = surface
        self._repository = repository
        self._at_once = at_once
        self._admit = admit_git if surface == "git" else admit_github

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        answer = await self._refusal(scope)
        if isinstance(answer, Response):
            await answer(scope, receive, send)
            return
        self._door.asked_repository += 1
        async with self._at_once:
            with self._door.allowance.share() as share:
                try:
                    body = await read_body(scope, receive, REQUEST_BYTES if answer.method == "POST" else 0, share)
                except HTTPException as error:
                    await refused(self._surface, error.status_code, error.detail)(scope, receive, send)
                    return
                relay = Relay(self._door, self._forge, self._repository, answer, scope["headers"], body, send)
                await _while_client_waits(relay, scope, receive)

    async def _refusal(self, scope: Scope) -> Call | Response:
        method, raw_path, query = scope["method"], scope["raw_path"], scope["query_string"]
        call = self._admit(method, raw_path, query, self._repository)
        if isinstance(call, Refusal):
            asked = raw_path.decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")
            await record_denial(self._door, surface=self._surface, target=f"{method} {asked}", why=call.why)
            return told(call, self._surface, self._repository)
        if Headers(scope=scope).get("content-encoding", "identity") not in ("identity", "gzip"):
            return refused(self._surface, 415, "this encoding of a request body does not pass")
        if self._door.asked_repository >= MOST_REQUESTS:
            why = f"this sandbox has asked for its repository {MOST_REQUESTS} times"
            await record_denial(self._door, surface=self._surface, target="any request", why=why)
            return refused(self._surface, 403, why)
        return call


async def _while_client_waits(relay: Relay, scope: Scope, receive: Receive) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(cut_when_gone, receive, tasks.cancel_scope)
        try:
            await relay.run(scope, receive)
        except SQLAlchemyError as error:
            # A use of the token that cannot be put on record does not happen. Not the error's text: it is the statement.
            log.error("repository_use_not_recorded", sandbox=relay.sandbox_id, error=type(error).__name__)
            await relay.give_up(scope, receive, 503, "the ledger does not answer; ask again")
        tasks.cancel_scope.cancel()
