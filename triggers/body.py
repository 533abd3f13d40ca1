"""The raw body of a request at the door, bounded in size, in time and in what all of them take together; and the answer to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from app.errors import DeliveryRefused, LedgerUnavailable
from app.ports import RawHeaders
from triggers.headers import only

READ_SECONDS = 10.0
# A body up to the first size is always read. What all larger ones take at a time is bounded by the second, so that
# strangers, whose signature is looked at only once everything is there, cannot fill the memory.
FREE_BODY_BYTES = 1024 * 1024
LARGE_BODIES_BYTES = 100 * 1024 * 1024

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class Room:
    """What large bodies may still take; one delivery's part of it is given back at its end."""

    def __init__(self, limit_bytes: int) -> None:
        self._left = limit_bytes

    @contextmanager
    def part(self) -> Iterator[Callable[[int], None]]:
        """Yield a function that takes so many bytes more. It raises LedgerUnavailable when there is no room."""
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            if size > self._left:
                raise LedgerUnavailable("too many large bodies come in at once: send it again", reason="busy")
            self._left -= size
            taken += size

        try:
            yield take
        finally:
            self._left += taken


async def read_body(headers: RawHeaders, receive: Receive, take: Callable[[int], None], limit_bytes: int) -> bytes | None:
    """Return the raw body, or None when the sender went away.

    Raises DeliveryRefused (400, 408, 413); LedgerUnavailable when there is no room for it.
    """
    if (only(headers, b"content-encoding") or b"identity").lower() != b"identity":
        raise DeliveryRefused("a compressed body is not accepted", status=400, reason="content_encoding")
    declared = only(headers, b"content-length") or b"0"
    # The length is only a reason to refuse early: what counts is what comes.
    if not declared.isdigit() or len(declared) > 15 or int(declared) > limit_bytes:
        raise _too_large(limit_bytes)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(READ_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                chunk: bytes = message.get("body", b"")
                size += len(chunk)
                if size > limit_bytes:
                    raise _too_large(limit_bytes)
                if size > FREE_BODY_BYTES:
                    # Twice: in its pieces, and as one.
                    take(2 * (len(chunk) if size - len(chunk) > FREE_BODY_BYTES else size))
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
    except TimeoutError as error:
        raise DeliveryRefused("the body did not come in time", status=408, reason="body_too_slow") from error


def _too_large(limit_bytes: int) -> DeliveryRefused:
    return DeliveryRefused(
        f"the body is larger than {limit_bytes // (1024 * 1024)} MB", status=413, reason="body_too_large"
    )


async def answer(send: Send, status: int, said: Mapping[str, object], *more: tuple[bytes, bytes]) -> None:
    """Answer with one line of JSON."""
    body = json.dumps(said).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
