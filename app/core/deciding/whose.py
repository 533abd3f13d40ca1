"""Whose account has spoken at a chat or planning service, and whether it may speak for anybody; pure."""

from __future__ import annotations

from app.core.account import Account
from app.core.event import LINEAR, SLACK, Event
from app.core.person import Person

# What is said, once and to them alone, to those who could be a colleague; the others are told nothing, as programs are not.
_SAYS = {"guest": "you are a guest in this workspace, and guests start nothing here. A member of it can ask for you"}
_WHY = {
    "guest": "is a guest there", "stranger": "belongs to another workspace", "deactivated": "is deactivated there", "bot": "is a program there",
}


def account_of(event: Event) -> Account:
    """Return the account that has spoken, as links are kept: a Slack account goes by its workspace too, one of Linear by an id that no other has."""
    actor = event.said_by or event.actor
    return account_named(event.source, actor.id, actor.login)


def account_named(source: str, said: str, name: str = "") -> Account:
    """Return the account that `WORKSPACE/ID` or `ID` names."""
    workspace, _, account_id = said.rpartition("/")
    return Account(source=source, workspace=workspace, id=account_id, name=name)


def why_nobody(event: Event, person: Person) -> str:
    """Return why an account speaks for nobody here, as a slug; empty for a member of the event's own workspace. What it is called has no say."""
    if person.id != event.actor.id:
        return "stranger"
    if event.source == SLACK and account_of(event).workspace != event.thread.removeprefix(f"{SLACK}:").partition("/")[0]:
        return "stranger"
    return "" if person.membership == "member" else person.membership


def in_words(slug: str) -> str:
    """Return the same in words, for the record."""
    return _WHY[slug]


def told_of(slug: str) -> str:
    """Return what the person is told; empty: nothing."""
    return _SAYS.get(slug, "")


def can_whisper(event: Event) -> bool:
    """Return whether something can be shown there to one account alone, as a one-time link has to be: in Linear only within a session."""
    return event.source != LINEAR or bool(event.handle)
