"""`bellhop explain DELIVERY`: what was decided on an event that came in, and what would be now; nothing is asked or started."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from app.commands.explain import explain_event, refuse_no_permission
from app.commands.ledger import open_ledger
from app.core.decide import Facts
from app.core.event import Event
from app.core.outcome import PullRequest
from app.errors import BellhopError
from app.ledger import events, runs
from app.ledger.inbox import Entry
from app.observe.text import clock, line
from app.settings import Settings


def explain_delivery(settings: Settings, name: str, *, permission: str, changed: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the lines of the explanation. Raises BellhopError for a delivery of which nothing is on file, ConfigurationError without a ledger."""
    refuse_no_permission(permission)
    with open_ledger(settings) as database, database.read() as tx:
        found = events.of_delivery(tx, name)
        known = [(entry, *_facts(tx, entry.event, settings.bot_login, permission, changed)) for entry in found]
    if not found:
        raise BellhopError(
            f"no event of the delivery {name[:200]!r} is on file. Deliveries of kinds that Bellhop passes over are only counted: GitHub's own "
            "record (the App's settings, `Advanced`) has the payload, which `bellhop explain --source github --event E FILE` reads",
            reason="no_such_delivery",
        )
    for entry, facts, says in known:
        yield from _explained(settings, entry, facts, says)


def _explained(settings: Settings, entry: Entry, facts: Facts, says: list[str]) -> Iterator[str]:
    event = entry.event
    yield line(f"Event {event.kind} in {event.thread} by {event.actor.login} (id {event.actor.id})", 1000)
    yield f"  {line(event.url, 1000)}"
    yield line(f"Signature: held, or nothing would be on file; came in at {clock(entry.received_at_ms)} UTC as {event.delivery_key}, event {entry.id}", 1000)
    run = f", run {entry.run_id}" if entry.run_id else ""
    yield line(f"Decided then: {entry.decision or 'not yet, it waits to be routed'}{run}", 4000)
    yield "Facts of now:"
    for each in says:
        yield f"  {line(each, 1000)}"
    yield from explain_event(settings, event, facts)


def _facts(tx: Connection, event: Event, bot_login: str, permission: str, changed: tuple[str, ...]) -> tuple[Facts, list[str]]:
    """Return what the ledger knows of an event's thread by now, and the same in words."""
    facts = Facts(bot_login=bot_login, actor_permission=permission, changed_paths=changed or None, has_all_words=True)
    live = runs.live_in_thread(tx, event.thread)
    over = [run for run in runs.over_in_thread(tx, event.thread) if run.event.repo.id == event.repo.id]
    says = [f"the bot is {bot_login}"]
    if live is None:
        says.append("no run is live in this thread")
    else:
        facts = facts.model_copy(update={
            "live_run_id": live.id, "live_permission": live.profile.who.permission, "live_apps": live.profile.who.apps,
        })
        says.append(f"run {live.id} is live in this thread, of the profile {live.profile.name}")
    if over and event.is_comment:
        is_own = any(isinstance(run.outcome, PullRequest) and run.outcome.number == event.number for run in over)
        if live is None:
            facts = facts.model_copy(update={"is_own_pull": is_own, "earlier_profile": over[0].profile.name})
        says.append(f"run {over[0].id} was the last here, of the profile {over[0].profile.name}" + ("; this is its pull request" if is_own else ""))
    if changed:
        says.append(f"{len(changed)} changed files, as you say")
    return facts, says
