"""`/hooks/slack`: events, commands and interactivity at one address; and Socket Mode, for those whom Slack cannot reach."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl

import structlog
from slack_bolt.adapter.starlette.async_handler import to_async_bolt_request, to_starlette_response
from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from app.errors import DeliveryRefused, LedgerUnavailable
from app.settings import Settings
from triggers.body import LARGE_BODIES_BYTES, Receive, Room, Send, answer, read_body
from triggers.headers import only
from triggers.route import Accepts
from triggers.slack.home import Home
from triggers.slack.installation import SOURCE
from triggers.slack.listeners import make_listeners
from triggers.slack.proof import Proof, body_of, is_ssl_check
from triggers.slack.socket import listening

log = structlog.get_logger()

# A message has 40,000 characters at most, and comes once more as blocks.
BODY_LIMIT_BYTES = 1024 * 1024


class SlackDoor:
    """Slack's part of the web process; without a signing secret nothing comes in over HTTP."""

    def __init__(self, settings: Settings, intake: Accepts) -> None:
        self._settings = settings
        self._app = make_listeners(settings.slack_signing_secret, Home(settings), intake)
        self._room = Room(LARGE_BODIES_BYTES)
        secret = settings.slack_signing_secret
        self._proof = Proof(secret) if secret.get_secret_value().strip() else None

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes of the door."""
        return [] if self._proof is None else [Route("/hooks/slack", endpoint=self, methods=["GET", "POST"], name="slack")]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen over Socket Mode for the block, where there is a token for that."""
        token = self._settings.slack_app_token
        if not token.get_secret_value().strip():
            yield
            return
        async with listening(self._app, token, self._settings.outbound_proxy):
            yield

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request: 200 on file, known or not for us, 4xx refused, 503 not on file."""
        if scope["method"] != "POST":
            is_try = dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("ssl_check") == "1"
            await answer(send, 200 if is_try else 405, {"result": "ignored" if is_try else "refused"})
            return
        try:
            with self._room.part() as take:
                body = await read_body(scope["headers"], receive, take, BODY_LIMIT_BYTES)
                if body is None:
                    return
                if is_ssl_check(body):
                    await answer(send, 200, {"result": "ignored"})
                    return
                await self._taken(scope, receive, send, body)
        except DeliveryRefused as error:
            log.info("delivery_refused", source=SOURCE, status=error.status, reason=error.reason)
            await answer(send, error.status, {"reason": error.reason, "message": str(error)})
        except LedgerUnavailable as error:
            await answer(send, 503, {"reason": error.reason, "message": str(error)}, (b"retry-after", b"10"))

    async def _taken(self, scope: Mapping[str, Any], receive: Receive, send: Send, body: bytes) -> None:
        """Have Bolt take a body that is proven and has one reading only. Raises DeliveryRefused."""
        assert self._proof is not None  # noqa: S101 - there is no route without it
        self._proof.prove(scope["headers"], body)
        members = body_of(only(scope["headers"], b"content-type"), body)
        request = to_async_bolt_request(Request(dict(scope)), body)
        # Bolt verifies once more, over the raw body. Its own reading is left: of a command in whose words `payload` stands it makes nothing.
        request.body = members
        response = to_starlette_response(await self._app.async_dispatch(request))
        await response(dict(scope), receive, send)  # type: ignore[arg-type]  # Starlette's own names for the same callables
