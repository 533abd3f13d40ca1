"""A text that is too long for a message, as a file in its thread. https://docs.slack.dev/messaging/working-with-files#upload"""

from __future__ import annotations

from typing import Any

import structlog

from app.core.card import Card
from triggers.slack.blocks import fits
from triggers.slack.client import SlackClient
from triggers.slack.failures import SlackSaidNo, as_service_error
from triggers.slack.happening import digest

log = structlog.get_logger()

LIMIT_CHARACTERS = 500_000


def is_wanted(card: Card) -> bool:
    """Whether a card has a text that a message cannot hold, and that will stay: of work under way there is no snippet at each step."""
    return not fits(card) and not card.only_for and (card.kind != "status" or card.is_final)


def bring(client: SlackClient, card: Card, channel: str, first: str) -> None:
    """Have the card's whole body in its thread, once. Raises ServiceError; without `files:write` the card's own cut text has to do."""
    name = f"bellhop-{digest(card.key, card.body)[:16]}.txt"
    content = card.body[:LIMIT_CHARACTERS].encode()
    try:
        with as_service_error("looking a snippet up"):
            said: Any = client.conversations_replies(channel=channel, ts=first, limit=200)
            if any(file.get("name") == name for message in said["messages"] for file in message.get("files") or ()):
                return
        with as_service_error("writing a snippet"):
            place: Any = client.files_getUploadURLExternal(filename=name, length=len(content), snippet_type="text")
            client.sent(str(place["upload_url"]), content)
            client.files_completeUploadExternal(files=[{"id": place["file_id"], "title": card.headline[:100]}], channel_id=channel, thread_ts=first)
    except SlackSaidNo as error:
        if error.said != "missing_scope":
            raise
        log.warning("no_snippet", card=card.key, reason=error.said)
