"""Who somebody is in Linear, and what the members of its workspace have said in an issue."""

from __future__ import annotations

from typing import Any

from app.core.event import Event
from app.core.person import History, Membership, Person, Spoken
from triggers.linear.connection import LinearConnection, LinearRefused
from triggers.linear.issues import issue_id_of

_TEXT_LIMIT_CHARACTERS = 4000


def person(linear: LinearConnection, account_id: str) -> Person:
    """Return an account as it is now; one that this workspace does not know is a stranger's. Raises ServiceError."""
    try:
        user = linear.ask("person", id=account_id)["user"]
    except LinearRefused as error:
        if not error.is_not_found:
            raise
        return Person(id=account_id, name="", membership="stranger")
    return Person(id=str(user["id"]), name=str(user["name"])[:200], membership=_membership(user), email=str(user["email"] or ""))


def history(linear: LinearConnection, event: Event) -> History:
    """Return the issue's last comments before the event, oldest first, of members only. Raises ServiceError."""
    # The newest first, as Linear sorts.
    nodes = linear.ask("issue_comments", id=issue_id_of(event.thread))["issue"]["comments"]["nodes"]
    spoken: list[Spoken] = []
    left_out = 0
    for node in reversed(nodes):
        if event.occurred_at is not None and str(node["createdAt"]) >= event.occurred_at:
            continue
        user = node["user"]
        if user is not None and user["app"]:
            continue
        # Nobody's is what Linear itself writes, or somebody outside.
        is_news = event.occurred_at is not None and node["editedAt"] is not None and str(node["editedAt"]) >= event.occurred_at
        # What was changed after somebody asked is not what they had before their eyes.
        if is_news or user is None or _membership(user) != "member":
            left_out += 1
            continue
        spoken.append(Spoken(author=str(user["name"])[:200], text=str(node["body"])[:_TEXT_LIMIT_CHARACTERS]))
    return History(spoken=tuple(spoken), left_out=left_out)


def _membership(user: dict[str, Any]) -> Membership:
    if user["app"]:
        return "bot"
    if not user["active"]:
        return "deactivated"
    return "guest" if user["guest"] else "member"
