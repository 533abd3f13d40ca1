"""What all kinds of deliveries have in common: whose they are, and the Event that one becomes; pure."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from app.core.event import Actor, Event, Repo
from triggers.slack.address import title_of
from triggers.slack.installation import SOURCE, Installation

# Slack cuts a message there itself: https://docs.slack.dev/reference/methods/chat.postMessage#truncating
TEXT_LIMIT_CHARACTERS = 40_000
# How `Event.handle` says whom to write to where nothing can be said in the channel, which card was pressed, and which message it was.
PERSON, CARD, MESSAGE = "user:", "card:", "message:"


def foreign(installed: Installation, *teams: object) -> bool:
    """Whether any of the teams that a delivery names, for itself or for whoever did it, is another than ours."""
    return any(team not in (None, "", installed.team_id) for team in teams)


def digest(*parts: str) -> str:
    """Return one name for what makes a happening the one that it is."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def said_at(stamp: str) -> str:
    """Return the time in a message's name as ISO 8601."""
    return datetime.fromtimestamp(int(stamp.partition(".")[0]), UTC).isoformat()


def event_of(
    installed: Installation, kind: str, *, delivery_key: str, user: str, channel: str, first: str, text: str, login: str = "", **more: Any
) -> Event:
    """Return what somebody of our workspace has done in the conversation below the message `first` of a channel."""
    return Event(
        source=SOURCE, kind=f"{SOURCE}.{kind}", delivery_key=delivery_key, thread=installed.thread(channel, first),
        actor=Actor(id=installed.account(user), login=login or user, kind="person"), repo=Repo.unsaid(),
        title=title_of(text, installed), text=text[:TEXT_LIMIT_CHARACTERS], places=(f"channel:{channel}",), **{"url": ""} | more,
    )


def text_of(value: object) -> str:
    """Return a member that should be text, or nothing."""
    return value if isinstance(value, str) else ""


def members_of(value: object) -> dict[str, Any]:
    """Return a member that should be an object, or an empty one."""
    return value if isinstance(value, dict) else {}
