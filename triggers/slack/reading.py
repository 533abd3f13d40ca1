"""Payloads from a file, which nobody has signed: they are read as if they came from the workspace where the App is installed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from app.core.event import Parsed
from triggers.slack.happening import members_of, text_of
from triggers.slack.installation import Installation
from triggers.slack.parse import parse
from triggers.slack.proof import body_of

# Nobody's: in a payload that does not say who the bot is, nothing is for it.
_NOBODY = "UNOBODY"
_MENTION = re.compile(r"<@([UW][A-Z0-9]{2,30})")


def read_unsigned(body: bytes, bot_login: str) -> Parsed:
    """Return what a body tells: JSON as Slack sends it, or a form. Raises DeliveryRefused (400)."""
    members = body_of(None, body.strip())
    granted = members.get("authorizations")
    first = members_of(granted[0]) if isinstance(granted, list) and granted else {}
    team = text_of(first.get("team_id")) or text_of(members.get("team_id")) or text_of(members_of(members.get("team")).get("id"))
    return parse(members, Installation(
        team_id=team, bot_user_id=text_of(first.get("user_id")) or _mentioned(members) or _NOBODY, name=bot_login.removesuffix("[bot]"),
    ))


def _mentioned(members: Mapping[str, Any]) -> str:
    """Return the account that an `app_mention` names first: Slack's own samples leave out whose authorization it was sent by."""
    event = members_of(members.get("event"))
    found = _MENTION.search(text_of(event.get("text"))) if event.get("type") == "app_mention" else None
    return found[1] if found else ""
