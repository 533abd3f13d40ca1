"""The emulator as an ASGI application."""

from __future__ import annotations

import threading

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.emulators.model.answer import Answer
from app.emulators.model.call import parse
from app.emulators.model.emulator import ModelEmulator
from app.emulators.model.forms.problems import problem

_BODY_BYTES = 32 * 1024 * 1024
_LOOK_SECONDS = 0.05


def create_app(emulator: ModelEmulator, closing: threading.Event | None = None) -> ASGIApp:
    """Return the application; once `closing` is set, answers that hang or drip end."""
    ends = closing or threading.Event()

    async def everything(request: Request) -> ASGIApp:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > _BODY_BYTES:
                api = parse(request.method, request.url.path, "", request.headers, b"").api
                too_large = problem(api, 413, "the request is larger than 32 MiB", "0" * 24)
                return _Sending(too_large, emulator, ends)
        headers = dict(request.headers.items())
        answer = emulator.answer(request.method, request.url.path, request.url.query, headers, bytes(body))
        return _Sending(answer, emulator, ends)

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return Starlette(routes=[Route("/{path:path}", everything, methods=methods)])


class _Sending:
    """One answer on its way; an answer that ends in `drop` is left unfinished, which closes the connection."""

    def __init__(self, answer: Answer, emulator: ModelEmulator, closing: threading.Event) -> None:
        self._answer = answer
        self._emulator = emulator
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._answer
        finished = False
        async with anyio.create_task_group() as tasks:

            async def work() -> None:
                nonlocal finished
                await self._send(send)
                finished = True
                tasks.cancel_scope.cancel()

            tasks.start_soon(work)
            # Watched all along, for a client that hangs up while an answer drips or hangs.
            if await self._client_left(receive) and not (finished and answer.ending == "complete"):
                self._emulator.hung_up += 1
            tasks.cancel_scope.cancel()

    async def _send(self, send: Send) -> None:
        answer = self._answer
        if answer.status:
            headers = [(b"content-type", answer.content_type.encode())]
            headers += [(name.encode(), value.encode()) for name, value in answer.headers]
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        for piece in answer.pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            if answer.drip_seconds:
                await anyio.sleep(answer.drip_seconds)
        if answer.ending == "complete":
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        elif answer.ending == "hang":
            await anyio.sleep_forever()

    async def _client_left(self, receive: Receive) -> bool:
        while not self._closing.is_set():
            with anyio.move_on_after(_LOOK_SECONDS):
                if (await receive())["type"] == "http.disconnect":
                    return True
        return False
