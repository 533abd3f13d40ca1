"""A model API that is strict about who asks, keeps what it was sent, and misbehaves when the request says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

ANTHROPIC_KEY = "sk-ant-CANARY-f2c81b7e90"
OPENAI_KEY = "sk-oai-CANARY-5d13aa07c4"
GEMINI_KEY = "AIzaCANARY-91b6e0d2fa"

FIRST_EVENT = (
    b'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":12,"output_tokens":1}}}\n\n'
)
LAST_EVENTS = (
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":7}}'
    b'\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n'
)


class Asked(NamedTuple):
    """One request as it arrived."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes


class FakeModelApi:
    """`asked` are the requests in order; `go_on` lets a held stream end; `cut` counts streams that lost their client.

    `behave` is how one behaves that does not say; `busy` maps a model to the status and headers that it answers with; `usage` is what an ordinary answer has used.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.cut = 0
        self.held = 0
        self.go_on = False
        self.behave: Any = "ok"
        self.busy: dict[str, tuple[int, dict[str, str]]] = {}
        self.usage: dict[str, int] = {"input_tokens": 3, "output_tokens": 5}

    async def answer(self, request: Request) -> Response:  # noqa: PLR0911 - one line per way to behave
        """Answer as the request's `behave` says."""
        body = await request.body()
        headers = [(name, value) for name, value in request.headers.items()]
        self.asked.append(Asked(request.method, request.url.path, request.url.query, headers, body))
        sent = tuple(request.headers.get(name) for name in ("x-api-key", "authorization", "x-goog-api-key"))
        right = ((ANTHROPIC_KEY, None, None), (None, f"Bearer {OPENAI_KEY}", None), (None, None, GEMINI_KEY))
        if sent not in right:
            return JSONResponse({"error": {"type": "authentication_error", "message": f"not you: {sent}"}}, 401)
        asks: dict[str, Any] = json.loads(body) if body else {}
        behave = asks.get("behave", self.behave)
        model = asks.get("model") or request.url.path.rpartition("/")[2].partition(":")[0]
        if model in self.busy:
            status, more = self.busy[model]
            return JSONResponse({"error": {"type": "said_no"}}, status, more)
        if isinstance(behave, int):
            return JSONResponse({"error": {"type": "said_no"}}, behave, {"retry-after": "7", "set-cookie": "a=b",
                                                                       "anthropic-ratelimit-tokens-remaining": "3"})
        if behave == "redirect":
            return RedirectResponse("http://elsewhere.invalid/v1/messages")
        if behave == "echo":
            return JSONResponse({"headers": headers}, 200, {"request-id": f"r-{sent}", "x-request-id": "plain"})
        if behave == "gzip":
            return Response(b"\x1f\x8b", headers={"content-encoding": "gzip"})
        if behave == "silent":
            while not (self.go_on or await request.is_disconnected()):  # noqa: ASYNC110 - set from a test's thread
                await asyncio.sleep(0.01)
            self.cut += not self.go_on
        if behave in ("held", "drop", "stream"):
            return StreamingResponse(self._events(behave), media_type="text/event-stream")
        if request.url.path.startswith("/v1beta/"):
            return JSONResponse({"candidates": [], "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 5}})
        return JSONResponse({"type": "message", "content": [], "usage": self.usage})

    async def _events(self, behave: str) -> AsyncIterator[bytes]:
        yield FIRST_EVENT
        if behave == "drop":
            raise ConnectionResetError("as asked")
        if behave == "held":
            await self._let_go()
        yield LAST_EVENTS

    async def _let_go(self) -> None:
        self.held += 1
        try:
            while not self.go_on:  # noqa: ASYNC110 - set from a test's thread
                await asyncio.sleep(0.01)
        except BaseException:
            self.cut += 1
            raise


class Stage:
    """One server for many tests: `present` answers."""

    def __init__(self) -> None:
        self.present = FakeModelApi()
        self.app = Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "POST", "PUT", "DELETE"])])

    async def _answer(self, request: Request) -> Response:
        return await self.present.answer(request)
