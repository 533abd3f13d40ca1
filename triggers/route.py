"""Hop 1: `POST /hooks/{source}`, and `POST /hooks/webhook/{name}`. Reads the raw body, bounded, and answers with one line of JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import structlog
from starlette.routing import BaseRoute, Route

from app.core.event import Parsed
from app.errors import DeliveryRefused, LedgerUnavailable
from app.intake import Receipt
from app.ports import RawHeaders, Trigger
from triggers.headers import only

log = structlog.get_logger()

# GitHub sends no more: https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap
BODY_LIMIT_BYTES = 25 * 1024 * 1024
READ_SECONDS = 10.0
# A body up to the first size is always read. What all larger ones take at a time is bounded by the second, so that
# strangers, whose signature is looked at only once everything is there, cannot fill the memory.
FREE_BODY_BYTES = 1024 * 1024
LARGE_BODIES_BYTES = 100 * 1024 * 1024

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class _Room:
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


class Accepts(Protocol):
    """The way on from the door: app.intake.Intake."""

    async def accept(self, parsed: Parsed) -> Receipt:
        """Put it on file. Raises LedgerUnavailable."""


def hook_routes(triggers: Mapping[str, Trigger], intake: Accepts) -> list[BaseRoute]:
    """Return the routes of the door, for a Starlette or FastAPI application."""
    door = Door(triggers, intake)
    return [Route(path, endpoint=door, methods=["POST"], name="hooks") for path in ("/hooks/{source}", "/hooks/{source}/{name}")]


class Door:
    """The ASGI application behind the route; plain ASGI, because every delivery pays for what stands here."""

    def __init__(self, triggers: Mapping[str, Trigger], intake: Accepts) -> None:
        self._triggers = triggers
        self._intake = intake
        self._room = _Room(LARGE_BODIES_BYTES)

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one delivery: 202 accepted, 200 known or not ours, 4xx refused, 503 not on file."""
        source = "/".join(scope["path_params"].values())
        try:
            trigger = self._triggers.get(source)
            if trigger is None:
                raise DeliveryRefused("there is no such trigger here", status=404, reason="unknown_source")
            headers: RawHeaders = scope["headers"]
            with self._room.part() as take:
                body = await _read(headers, receive, take)
                if body is None:
                    return
                parsed = trigger.receive(headers, body)
                del body
            receipt = await self._intake.accept(parsed)
        except DeliveryRefused as error:
            log.info("delivery_refused", source=source[:32], status=error.status, reason=error.reason)
            await _answer(send, error.status, {"reason": error.reason, "message": str(error)})
        except LedgerUnavailable as error:
            await _answer(send, 503, {"reason": error.reason, "message": str(error)}, (b"retry-after", b"10"))
        else:
            said: dict[str, object] = {"result": receipt.result}
            if receipt.reason:
                said["reason"] = receipt.reason
            if receipt.id is not None:
                said["id"] = receipt.id
            await _answer(send, 202 if receipt.result == "accepted" else 200, said)


async def _read(headers: RawHeaders, receive: Receive, take: Callable[[int], None]) -> bytes | None:
    """Return the raw body, or None when the sender went away.

    Raises DeliveryRefused (400, 408, 413); LedgerUnavailable when there is no room for it.
    """
    if (only(headers, b"content-encoding") or b"identity").lower() != b"identity":
        raise DeliveryRefused("a compressed body is not accepted", status=400, reason="content_encoding")
    declared = only(headers, b"content-length") or b"0"
    # The length is only a reason to refuse early: what counts is what comes.
    if not declared.isdigit() or len(declared) > 15 or int(declared) > BODY_LIMIT_BYTES:
        raise _too_large()
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
                if size > BODY_LIMIT_BYTES:
                    raise _too_large()
                if size > FREE_BODY_BYTES:
                    # Twice: in its pieces, and as one.
                    take(2 * (len(chunk) if size - len(chunk) > FREE_BODY_BYTES else size))
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
    except TimeoutError as error:
        raise DeliveryRefused("the body did not come in time", status=408, reason="body_too_slow") from error


def _too_large() -> DeliveryRefused:
    return DeliveryRefused(
        f"the body is larger than {BODY_LIMIT_BYTES // (1024 * 1024)} MB", status=413, reason="body_too_large"
    )


async def _answer(send: Send, status: int, said: Mapping[str, object], *more: tuple[bytes, bytes]) -> None:
    body = json.dumps(said).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
