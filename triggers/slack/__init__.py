"""Slack: commands, mentions, messages and buttons in, one message a run back. Bolt is loaded only where it is set up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from app.core.event import Parsed
from app.core.line.turns import Pace
from app.errors import ConfigurationError
from app.ports import Conversation, Trigger
from app.settings import Settings

if TYPE_CHECKING:
    from triggers.route import Accepts
    from triggers.slack.door import SlackDoor


def trigger(settings: Settings) -> Trigger | None:
    """Return nothing: Slack's deliveries come in by a door of their own."""
    del settings
    return None


def conversation(settings: Settings, pace: Pace | None) -> Conversation | None:
    """Return the reply side, which asks at this pace, or None without a bot's token. Raises ConfigurationError."""
    if not settings.slack_bot_token.get_secret_value().strip():
        return None
    # The web process receives and never replies.
    from triggers.slack.reply import SlackConversation  # noqa: PLC0415

    return SlackConversation(settings, pace)


def door(settings: Settings, intake: Accepts) -> SlackDoor | None:
    """Return Slack's part of the web process, or None without its settings. Raises ConfigurationError for half of them."""
    if not (settings.slack_signing_secret.get_secret_value().strip() or settings.slack_app_token.get_secret_value().strip()):
        return None
    if not settings.slack_bot_token.get_secret_value().strip():
        raise ConfigurationError(
            "BELLHOP_SLACK_SIGNING_SECRET or BELLHOP_SLACK_APP_TOKEN is set, and BELLHOP_SLACK_BOT_TOKEN is not: without it nobody knows "
            "which workspace is ours; docs/slack.md says where it is"
        )
    from triggers.slack.door import SlackDoor  # noqa: PLC0415 - Bolt, where it is wanted

    return SlackDoor(settings, intake)


def reader(settings: Settings) -> Callable[[str, str, bytes], Parsed]:
    """Return what parses a payload that nobody signed, of whatever workspace, for `bellhop explain`."""
    from triggers.slack.reading import read_unsigned  # noqa: PLC0415 - likewise

    return lambda _kind, _delivery_key, body: read_unsigned(body, settings.bot_login)
