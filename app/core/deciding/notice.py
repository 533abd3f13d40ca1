"""What a person is told who rang and got nothing, once; pure. Programs are told nothing: they might answer."""

from __future__ import annotations

from datetime import UTC, datetime

from app.core.decide import Decision, Facts, Ignore
from app.core.deciding.breaker import Loop
from app.core.deciding.said import said_to
from app.core.event import Event
from app.core.noun import Noun
from app.core.permission import PERMISSIONS


class Notice(Noun):
    """One thing to say in a thread; the same `key` is said there once."""

    key: str
    text: str


def notice_of(decision: Decision, event: Event, facts: Facts) -> Notice | None:
    """Return what is said of a decision by which nothing follows; None: nothing, as mostly."""
    if not isinstance(decision, Ignore) or (event.number is None and not event.is_elsewhere):
        return None
    if decision.reason == "loop" and facts.loop is not None:
        return _loop(facts.loop, facts.bot_login)
    addresses = event.is_comment and event.actor.kind == "person" and said_to(event.text, facts.bot_login).is_addressed
    if decision.reason == "not_permitted" and addresses:
        return _refusal(event, facts)
    return None


def _refusal(event: Event, facts: Facts) -> Notice:
    has = facts.actor_permission if facts.actor_permission in PERMISSIONS else "none"
    if event.is_elsewhere:
        return _refusal_elsewhere(event, has)
    text = (
        f"Nothing was started: here this bot works for people who may write to the repository, and `{event.actor.login}` has the "
        f"role `{has}`, as GitHub says. Somebody who may can ask for it. (This is said once.)"
    )
    return Notice(key=f"not-permitted-{event.actor.id}"[:100], text=text)


def _refusal_elsewhere(event: Event, has: str) -> Notice:
    # Whoever sees nothing of a repository is told in the same words whether it is there or not.
    text = (
        f"Nothing was started: {event.repo.full_name} is no repository in which both you and this bot may work, as GitHub says." if has == "none" else
        f"Nothing was started: this bot works for people who may write to {event.repo.full_name}, and {event.actor.login}, with whom you are linked, "
        f"has the role {has} there, as GitHub says."
    )
    return Notice(key=f"not-permitted-{event.repo.id}-{event.actor.id}-{event.delivery_key}"[:100], text=text)


def _loop(loop: Loop, bot_login: str) -> Notice:
    until = datetime.fromtimestamp(loop.until_ms / 1000, UTC)
    name = bot_login.removesuffix("[bot]")
    ends = f", or until somebody with write access writes `@{name} continue`" if loop.may_go_on else ""
    return Notice(
        key=f"loop-{loop.since_run}",
        text=f"This looks like a loop: {loop.says}. Nothing more is started here until {until:%H:%M} UTC{ends}. (This is said once.)",
    )
