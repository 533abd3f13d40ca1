"""Hop 1: `POST /hooks/{source}`, and `POST /hooks/webhook/{name}`. Reads the raw body, bounded, and answers with one line of JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import structlog
from starlette.routing import BaseRoute, Route

from app.core.event import LINEAR, Parsed
from app.errors import DeliveryRefused, LedgerUnavailable
from app.intake import Receipt
from app.ports import RawHeaders, Trigger
from triggers.body import LARGE_BODIES_BYTES, Receive, Room, Send, answer, read_body

log = structlog.get_logger()

# GitHub sends no more: https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap
BODY_LIMIT_BYTES = 25 * 1024 * 1024
# Whoever takes any other answer for a failure, sends again and at last gives the webhook up: https://linear.app/developers/webhooks
TAKES_200_ALONE = frozenset({LINEAR})


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
        self._room = Room(LARGE_BODIES_BYTES)

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one delivery: 202 accepted (200 where nothing else counts), 200 known or not ours, 4xx refused, 503 not on file."""
        source = "/".join(scope["path_params"].values())
        try:
            trigger = self._triggers.get(source)
            if trigger is None:
                raise DeliveryRefused("there is no such trigger here", status=404, reason="unknown_source")
            headers: RawHeaders = scope["headers"]
            with self._room.part() as take:
                body = await read_body(headers, receive, take, BODY_LIMIT_BYTES)
                if body is None:
                    return
                parsed = trigger.receive(headers, body)
                del body
            receipt = await self._intake.accept(parsed)
        except DeliveryRefused as error:
            log.info("delivery_refused", source=source[:32], status=error.status, reason=error.reason)
            await answer(send, error.status, {"reason": error.reason, "message": str(error)})
        except LedgerUnavailable as error:
            await answer(send, 503, {"reason": error.reason, "message": str(error)}, (b"retry-after", b"10"))
        else:
            said: dict[str, object] = {"result": receipt.result}
            if receipt.reason:
                said["reason"] = receipt.reason
            if receipt.id is not None:
                said["id"] = receipt.id
            await answer(send, 202 if receipt.result == "accepted" and source not in TAKES_200_ALONE else 200, said)
