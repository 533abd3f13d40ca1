"""`POST /mcp` on a work sandbox's door: bounded before the protocol's own code sees a byte."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import anyio
from anyio import to_thread
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from app.execute.gateway.body import cut_when_gone, read_body
from app.execute.gateway.door import Door
from app.execute.gateway.tools.desk import Desk

PATH = "/mcp"
BODY_BYTES = 128 * 1024
# An agent calls one tool at a time; what asks for more is no agent at work.
_AT_ONCE = 8


def tool_routes(secrets: tuple[str, ...] = ()) -> Callable[[Door], list[Route]]:
    """Return the surface of the tools; `secrets` are masked in what an agent says."""

    def routes(door: Door) -> list[Route]:
        return [Route(PATH, ToolApi(Desk(door, secrets), door), methods=["POST"])] if door.assignment.door.has_tools else []

    return routes


class ToolApi:
    """The tools on one door, as an ASGI application."""

    def __init__(self, desk: Desk, door: Door) -> None:
        self._desk = desk
        self._door = door
        self._server: Any = None
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a client that leaves ends it. Raises HTTPException (408, 413, 503), ClientDisconnect."""
        with self._door.allowance.share() as share:
            body = await read_body(scope, receive, BODY_BYTES, share)
            if self._under_way >= _AT_ONCE:
                raise HTTPException(503, "too_much_at_once")
            self._under_way += 1
            try:
                await self._answer(body, scope, receive, send)
            finally:
                self._under_way -= 1

    async def _answer(self, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        # In a thread: the other doors are served while the protocol's library is loaded, by the first who needs it.
        protocol = await to_thread.run_sync(_load)
        if self._server is None:
            self._server = protocol.make_server(self._desk)
        async with anyio.create_task_group() as tasks:
            # An answer must not be taken for a client that waits no more.
            tasks.start_soon(cut_when_gone, receive, tasks.cancel_scope)
            await protocol.answer(self._server, scope, partial(_replay, [body]), send)
            tasks.cancel_scope.cancel()


def _load() -> ModuleType:
    from app.execute.gateway.tools import mcp_server  # noqa: PLC0415 - half a second that no other verb need wait for

    return mcp_server


async def _replay(left: list[bytes]) -> Message:
    if left:
        return {"type": "http.request", "body": left.pop(), "more_body": False}
    await anyio.sleep_forever()
    raise AssertionError("nobody wakes from this")
