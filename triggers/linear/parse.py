"""From Linear's payload to an Event, or to the reason why it is none. Pure: verification comes before, work after.

https://linear.app/developers/webhooks
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from pydantic import ValidationError

from app.core.event import LINEAR, Event, Ignored, Parsed, Unknown
from app.errors import DeliveryRefused
from triggers.linear.addressed import Bot
from triggers.linear.parse_comment import read_comment
from triggers.linear.parse_issue import read_issue
from triggers.linear.parse_session import read_session
from triggers.linear.payload import CommentDelivery, Envelope, IssueDelivery, SessionDelivery


class Reader(NamedTuple):
    """How one type is read: `actions` are those that become an Event, every other is passed over."""

    actions: tuple[str, ...]
    members: type[Envelope]
    read: Callable[[str, str, Any, Bot], Event | str]


READERS: dict[str, Reader] = {
    "AgentSessionEvent": Reader(("created", "prompted"), SessionDelivery, read_session),
    "Issue": Reader(("create", "update"), IssueDelivery, read_issue),
    "Comment": Reader(("create",), CommentDelivery, read_comment),
}

# Types that Linear documents and Bellhop has no use for. What is neither here nor above is Unknown.
IGNORED = frozenset(
    """
    AppUserNotification Attachment AuditEntry CustomResource Customer CustomerNeed CustomerRequest Cycle Document Initiative
    InitiativeLabel InitiativeUpdate IssueLabel IssueRelation IssueSLA OAuthApp OAuthAuthorization PermissionChange Project
    ProjectLabel ProjectMilestone ProjectUpdate Reaction Release ReleaseNote Team User WorkflowState
    """.split()  # noqa: SIM905 - thirty quoted words would hide the list
)
# Linear says so when somebody has taken the app out of the workspace: from then on nobody there can be answered.
REVOKED = "app_revoked"

_WORD = re.compile(r"[A-Za-z0-9_]{1,64}")


def parse(delivery_key: str, payload: dict[str, Any], bot: Bot) -> Parsed:
    """Return what a delivery means. Raises DeliveryRefused (400) when one that Bellhop handles lacks a member or holds one out of bounds."""
    name, action = payload.get("type"), payload.get("action")
    if not isinstance(name, str) or not _WORD.fullmatch(name) or not isinstance(action, str) or not _WORD.fullmatch(action):
        raise DeliveryRefused("the type or the action is missing or malformed", status=400, reason="bad_payload")
    kind = f"{name}.{action}"
    reader = READERS.get(name)
    if reader is None:
        if name not in IGNORED:
            return Unknown(source=LINEAR, kind=name)
        return Ignored(source=LINEAR, kind=kind, reason=REVOKED if (name, action) == ("OAuthApp", "revoked") else "event_not_used")
    if action not in reader.actions:
        return Ignored(source=LINEAR, kind=kind, reason="edited" if action == "update" else "action_not_used")
    try:
        delivery = reader.members.model_validate(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DeliveryRefused(f"{kind}: {where}: {first['msg']}", status=400, reason="bad_payload") from None
    found = reader.read(action, delivery_key, delivery, bot)
    return Ignored(source=LINEAR, kind=kind, reason=found) if isinstance(found, str) else found
