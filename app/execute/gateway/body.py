"""Reading a request body from an untrusted peer: bounded in size, memory and time before anything is kept."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any

import anyio
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from app.execute.gateway.allowance import Share

BODY_SECONDS = 120.0


def declared_length(scope: Scope) -> int | None:
    """Return the Content-Length that the client announced (h11 has checked its form), or None."""
    value = Headers(scope=scope).get("content-length")
    return None if value is None else int(value)


async def chunks(scope: Scope, receive: Receive, limit_bytes: int, too_large: str) -> AsyncGenerator[bytes, None]:
    """Yield the body as it comes. Raises HTTPException (413 with reason `too_large`), ClientDisconnect."""
    if (declared_length(scope) or 0) > limit_bytes:
        raise HTTPException(413, too_large)
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        data: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(data)
        if size > limit_bytes:
            raise HTTPException(413, too_large)
        if data:
            yield data


async def cut_when_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    """Wait for the client to go, then cancel `scope`; for after the body has been read."""
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def read_body(scope: Scope, receive: Receive, limit_bytes: int, share: Share) -> bytes:
    """Return the whole body. Raises HTTPException (408, 413, 503), ClientDisconnect."""
    body = bytearray()
    with anyio.move_on_after(BODY_SECONDS):
        async for data in chunks(scope, receive, limit_bytes, "body_too_large"):
            if not share.take(len(data)):
                raise HTTPException(503, "too_much_at_once")
            body += data
        return bytes(body)
    raise HTTPException(408, "body_too_slow")


def json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in `body`; bytes that are no UTF-8 become U+FFFD. Raises HTTPException (400)."""
    try:
        value = json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise HTTPException(400, "the body is not JSON") from None
    if not isinstance(value, dict):
        raise HTTPException(400, "the body is not a JSON object")
    return value
