"""Who an account in Slack is: a member of our workspace, or a guest, a stranger, somebody who has left, a program."""

from __future__ import annotations

from typing import Any

from app.core.person import Membership, Person
from triggers.slack.client import SlackClient
from triggers.slack.failures import SlackSaidNo, as_service_error
from triggers.slack.happening import members_of, text_of
from triggers.slack.installation import Installation
from triggers.storable import storable

SLACKBOT = "USLACKBOT"


def person(client: SlackClient, installed: Installation, account_id: str) -> Person:
    """Return an account, `TEAM/USER`, as Slack knows it now. https://docs.slack.dev/reference/objects/user-object"""
    team, _, user_id = account_id.partition("/")
    if team != installed.team_id:
        return Person(id=account_id, name=user_id, membership="stranger")
    try:
        with as_service_error("asking who somebody is"):
            user: dict[str, Any] = dict(client.users_info(user=user_id)["user"])
    except SlackSaidNo as error:
        if error.said not in ("user_not_found", "user_not_visible"):
            raise
        return Person(id=account_id, name=user_id, membership="stranger")
    profile = members_of(user.get("profile"))
    name = text_of(profile.get("display_name")) or text_of(user.get("real_name")) or text_of(user.get("name")) or user_id
    return Person(
        id=account_id, name=" ".join(storable(name).split())[:80], membership=_membership(user, installed),
        email=storable(text_of(profile.get("email")))[:254],
    )


def _membership(user: dict[str, Any], installed: Installation) -> Membership:
    if user.get("is_bot") or user.get("is_workflow_bot") or user.get("id") == SLACKBOT:
        return "bot"
    if user.get("team_id") != installed.team_id or user.get("is_stranger"):
        return "stranger"
    if user.get("deleted"):
        return "deactivated"
    return "guest" if user.get("is_restricted") or user.get("is_ultra_restricted") else "member"
