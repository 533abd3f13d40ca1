"""Bolt's application: everything that Slack sends goes one way, parsed and on file before it is acknowledged.

https://docs.slack.dev/tools/bolt-python/
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import structlog
from pydantic import SecretStr
from slack_bolt import BoltResponse
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltUnhandledRequestError

from app.core.event import Ignored
from app.errors import DeliveryRefused, LedgerUnavailable
from triggers.route import Accepts
from triggers.slack.form import CALLBACK_ID
from triggers.slack.happening import members_of, text_of
from triggers.slack.home import Home
from triggers.slack.installation import SOURCE, Installation
from triggers.slack.parse import parse
from triggers.slack.parse_command import NO_WORDS
from triggers.slack.quiet import silent

log = structlog.get_logger()

# Slack gives up after three seconds: say that it failed while it still listens.
ANSWER_SECONDS = 2.5
_ANY = re.compile("")
_HOW = "Say what is to be done: `{command} fix the rounding in the till repo=octo/till`. `agent=` and `model=` choose who does it."


def make_listeners(secret: SecretStr, home: Home, intake: Accepts) -> AsyncApp:
    """Return Bolt's application; it asks Slack for nothing that `home` does not know already, but for the form."""

    async def take(body: dict[str, Any]) -> BoltResponse:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                installed = await home.installed()
                parsed = parse(body, installed)
                said = await _form(home, body, installed) if isinstance(parsed, Ignored) and _wants_form(parsed, body) else ""
                await intake.accept(parsed)
        except TimeoutError as error:
            raise LedgerUnavailable("the delivery was not on file in time: send it again") from error
        return BoltResponse(status=200, body=said)

    async def went_wrong(error: Exception, body: dict[str, Any]) -> BoltResponse:
        if isinstance(error, BoltUnhandledRequestError):
            return await take(body)
        if isinstance(error, DeliveryRefused):
            log.info("delivery_refused", source=SOURCE, status=error.status, reason=error.reason)
            return BoltResponse(status=error.status, body={"reason": error.reason, "message": str(error)})
        if isinstance(error, LedgerUnavailable):
            return BoltResponse(status=503, body={"reason": error.reason, "message": str(error)})
        log.error("slack_delivery_failed", error=type(error).__name__)
        return BoltResponse(status=500, body={"reason": "error", "message": "the delivery could not be taken"})

    async def authorize() -> AuthorizeResult:
        installed = await home.installed()
        return AuthorizeResult(enterprise_id=None, team_id=installed.team_id, bot_user_id=installed.bot_user_id, bot_id=installed.bot_id)

    app = AsyncApp(
        name="slack_bolt.bellhop", logger=silent(), client=home.client, signing_secret=secret.get_secret_value(), authorize=authorize,
        # The answer comes after the commit, and what nothing below takes is counted, not logged.
        process_before_response=True, raise_error_for_unhandled_request=True,
        # Own words are told from others' in `parse`, where they are counted.
        ignoring_self_events_enabled=False, attaching_function_token_enabled=False, attaching_conversation_kwargs_enabled=False,
    )
    app.error(went_wrong)
    for listen in (app.event, app.command, app.action, app.view, app.shortcut):
        listen(_ANY)(take)
    return app


def _wants_form(parsed: Ignored, body: dict[str, Any]) -> bool:
    """Whether somebody of our workspace asks for the form: a command without words, or the shortcut."""
    return (parsed.reason == NO_WORDS and parsed.kind == "command") or (parsed.kind == "shortcut" and body.get("callback_id") == CALLBACK_ID)


async def _form(home: Home, body: dict[str, Any], installed: Installation) -> str | dict[str, Any]:
    """Open the form, and return what is answered: nothing, or how to do without it."""
    if parsed_team(body) != installed.team_id:
        return ""
    if await home.open_form(text_of(body.get("trigger_id")), text_of(body.get("channel_id"))) or "command" not in body:
        return ""
    return {"response_type": "ephemeral", "text": _HOW.format(command=text_of(body.get("command")))}


def parsed_team(body: dict[str, Any]) -> str:
    """Return the workspace that a command or a shortcut says it comes from."""
    return text_of(body.get("team_id") or members_of(body.get("team")).get("id"))
