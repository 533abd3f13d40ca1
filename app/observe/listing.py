"""What is shown of many runs and events at once: where runs wait, what they have cost, and why each event came to what it did."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from app.core.line.budget import dollars
from app.core.run import Run
from app.ledger import costs, counts, events, pauses, runs
from app.ledger.inbox import Entry
from app.ledger.tables import tickets
from app.observe.text import clock


class Beside(NamedTuple):
    """What stands beside each run of a list, by its id: its place in the line as its thread was told, and what it has cost so far."""

    places: dict[str, str]
    costs: dict[str, str]


def beside(tx: Connection, found: Sequence[Run]) -> Beside:
    """Return what stands beside these runs."""
    queued = [run.id for run in found if run.state == "queued"]
    rows = tx.execute(select(tickets.c.run_id, tickets.c.told).where(tickets.c.run_id.in_(queued)))
    told = {row.run_id: row.told for row in rows if row.told}
    return Beside(told, {run_id: dollars(cost) for run_id, cost in costs.of_runs(tx, [run.id for run in found]).items()})


def waiting(tx: Connection, limit: int) -> list[Run]:
    """Return the runs that wait for a place, oldest first."""
    return [run for run_id in counts.queued_ids(tx, limit) if (run := runs.load(tx, run_id)) is not None]


def paused_lines(tx: Connection) -> list[str]:
    """Return a sentence for each pause."""
    return [
        f"{'All of Bellhop' if name == pauses.EVERYTHING else f'The profile {name}'} is paused since {clock(since_ms)} UTC: what rings is queued"
        for name, since_ms in pauses.paused(tx).items()
    ]


def events_of(tx: Connection, limit: int, *, repo: str = "", profile: str = "", before: int | None = None) -> tuple[list[Entry], int | None]:
    """Return the newest events, of one repository or such as a profile is named in the decision on, and below which number to go on."""
    named = re.compile(rf"(?<![\w-]){re.escape(profile)}(?![\w-])")

    def wanted(entry: Entry) -> bool:
        is_of_repo = not repo or entry.event.repo.full_name.casefold() == repo.casefold()
        return is_of_repo and (not profile or named.search(entry.decision or "") is not None)

    return events.newest(tx, limit, before=before, wanted=wanted)


def event_json(entry: Entry) -> dict[str, Any]:
    """Return one event as the API and `--json` give it."""
    event = entry.event
    return {
        "event": entry.id, "delivery": event.delivery_key, "received_at_ms": entry.received_at_ms, "source": event.source, "kind": event.kind,
        "repo": event.repo.full_name, "thread": event.thread, "by": event.actor.login, "state": entry.state, "why": entry.decision, "run": entry.run_id,
    }
