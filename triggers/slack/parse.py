"""From a body that Bolt has verified to an Event, or to why it is none; pure.

https://docs.slack.dev/apis/events-api/ and https://docs.slack.dev/interactivity/handling-user-interaction
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from app.core.event import Event, Ignored, Parsed, Unknown
from triggers.slack.happening import foreign, members_of, text_of
from triggers.slack.installation import SOURCE, Installation
from triggers.slack.parse_command import read_command
from triggers.slack.parse_form import read_form
from triggers.slack.parse_press import read_press
from triggers.slack.parse_reaction import read_reaction
from triggers.slack.parse_said import read_said

Body = Mapping[str, Any]
Read = Callable[[Body, Installation], Event | str]

_PLAIN = re.compile(r"[a-z0-9_.]{1,64}")
# What happens to the App or to a channel, which Slack may send and nobody acts on.
_NOT_USED = {
    "member_joined_channel": "membership", "member_left_channel": "membership", "app_uninstalled": "uninstalled", "tokens_revoked": "uninstalled",
    "app_home_opened": "event_not_used", "app_rate_limited": "rate_limited",
}
_EVENTS: dict[str, Read] = {"app_mention": read_said, "message": read_said, "reaction_added": read_reaction}
_INTERACTIONS: dict[str, Read] = {"block_actions": read_press, "view_submission": read_form}
# Of the modal, of a menu as it is typed in, and of ways to ask that Bellhop does not offer.
_INTERACTIONS_NOT_USED = frozenset({"view_closed", "block_suggestion", "shortcut", "message_action"})


def parse(body: Body, installed: Installation) -> Parsed:
    """Return what the body tells. Raises DeliveryRefused (400) for one that lacks what names its place, its person or its message."""
    kind, read, teams = _sorted(body)
    if read is None:
        reason = _NOT_USED.get(kind) or ("interaction_not_used" if kind in _INTERACTIONS_NOT_USED else None)
        return Unknown(source=SOURCE, kind=kind) if reason is None else Ignored(source=SOURCE, kind=kind, reason=reason)
    if foreign(installed, *teams):
        return Ignored(source=SOURCE, kind=kind, reason="other_workspace")
    found = read(body, installed)
    return Ignored(source=SOURCE, kind=kind, reason=found) if isinstance(found, str) else found


def _sorted(body: Body) -> tuple[str, Read | None, tuple[object, ...]]:
    """Return the kind in Slack's own words, what reads it, and the workspaces that the delivery itself names."""
    if isinstance(body.get("command"), str):
        return "command", read_command, (body.get("team_id"),)
    kind = text_of(body.get("type"))
    if kind != "event_callback":
        return _named(kind), _INTERACTIONS.get(kind), (members_of(body.get("team")).get("id"),)
    kind = _named(text_of(members_of(body.get("event")).get("type")))
    return kind, _EVENTS.get(kind), (body.get("team_id"),)


def _named(kind: str) -> str:
    return kind if _PLAIN.fullmatch(kind) else "unnamed"
