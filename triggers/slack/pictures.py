"""Pictures that people have added to what they say. https://docs.slack.dev/reference/objects/file-object"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.words.picture import kind_of
from app.errors import ServiceError
from triggers.slack.client import SlackClient
from triggers.slack.failures import as_service_error
from triggers.slack.happening import members_of, text_of

LIMIT_BYTES = 5 * 1024 * 1024
MOST = 8
_KINDS = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})


def images_of(message: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the ids of the pictures that a message has, those that Slack itself holds."""
    files = message.get("files")
    found = [members_of(each) for each in files] if isinstance(files, list) else []
    return tuple(
        text_of(file.get("id")) for file in found
        if file.get("mimetype") in _KINDS and not file.get("is_external") and file.get("id") and int(file.get("size") or 0) <= LIMIT_BYTES
    )[:MOST]


def image(client: SlackClient, image_id: str) -> bytes:
    """Return a picture. Raises ServiceError, also for what is none, or too large, or not Slack's."""
    with as_service_error("fetching a picture"):
        file = members_of(client.files_info(file=image_id)["file"])
        content = client.fetched(text_of(file.get("url_private")), LIMIT_BYTES)
    if not kind_of(content):
        raise ServiceError("what Slack holds there is no picture", reason="no_picture", retryable=False)
    return content
