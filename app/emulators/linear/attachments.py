"""Links on issues. https://linear.app/developers/attachments: the same URL on the same issue is the same attachment, brought up to date."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from app.emulators.linear.problems import invalid
from app.emulators.linear.state import Attachment, Issue, User, new_id, put
from app.emulators.linear.world import World


def attach(
    world: World, by: User, issue: Issue, url: str, title: str, *, subtitle: str | None = None, metadata: dict[str, Any] | None = None,
    attachment_id: str | None = None,
) -> Attachment:
    """Put a link on an issue, or bring the one that is there up to date. Raises Problem."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise invalid("url must be a URL address")
    if not isinstance(metadata, dict | None):
        raise invalid("metadata must be an object")
    now = world.now()
    found = next((one for one in world.state.attachments.values() if one.issue is issue and one.url == url), None)
    if found is None:
        made = Attachment(attachment_id or new_id(), now, now, issue, by, title, url, subtitle, metadata or {})
        return put(world.state.attachments, made)
    found.title, found.updated_at = title, now
    found.subtitle = found.subtitle if subtitle is None else subtitle
    found.metadata = found.metadata if metadata is None else metadata
    return found
