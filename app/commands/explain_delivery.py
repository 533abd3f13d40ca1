"""`bellhop explain DELIVERY`: what was decided on an event that came in, and what would be now; nothing is asked or started."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from app.commands.explain import explain_event, refuse_no_permission
from app.commands.ledger import open_ledger
from app.core.decide import Facts
from app.core.event import Event
from app.core.ringing.schedule import SCHEDULE
from app.errors import BellhopError
from app.ledger import events
from app.ledger.inbox import Entry
from app.observe.listing import paused_lines
from app.observe.text import clock, line
from app.settings import Settings
from tasks.deciding.facts import known_of, replaced


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
    if event.url:
        yield f"  {line(event.url, 1000)}"
    proof = "none, the clock is this host's own" if event.source == SCHEDULE else "held, or nothing would be on file"
    yield line(f"Signature: {proof}; came in at {clock(entry.received_at_ms)} UTC as {event.delivery_key}, event {entry.id}", 1000)
    run = f", run {entry.run_id}" if entry.run_id else ""
    yield line(f"Decided then: {entry.decision or 'not yet, it waits to be routed'}{run}", 4000)
    yield "Facts of now:"
    for each in says:
        yield f"  {line(each, 1000)}"
    yield from explain_event(settings, event, facts)


def _facts(tx: Connection, event: Event, bot_login: str, permission: str, changed: tuple[str, ...]) -> tuple[Facts, list[str]]:
    """Return what the ledger knows of an event's thread by now, and the same in words."""
    known = known_of(tx, event, bot_login)
    facts = known.facts.model_copy(update={"actor_permission": permission, "changed_paths": changed or None, "has_all_words": True})
    says = [f"the bot is {bot_login}"]
    if why := replaced(known, event):
        says.append(f"{why}, so this event is ignored")
    if known.live is None:
        says.append("no run is live in this thread")
    else:
        says.append(f"run {known.live.id} is live in this thread, of the profile {known.live.profile.name}")
    if known.over:
        last = known.over[0]
        says.append(f"run {last.id} was the last here, of the profile {last.profile.name}" + ("; this is its pull request" if facts.is_own_pull else ""))
    if facts.loop is not None:
        says.append("this conversation has gone round in circles")
    says += paused_lines(tx)
    if changed:
        says.append(f"{len(changed)} changed files, as you say")
    return facts, says
