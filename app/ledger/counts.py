"""What stands where at this moment, counted over live rows only, however long the past."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, func, select

from app.ledger.database import now_ms
from app.ledger.tables import inbox, runs, tickets


class Waiting(NamedTuple):
    """The queued runs of one profile (empty: of runs older than the tickets), and for how long the oldest has been."""

    profile: str
    runs: int
    oldest_seconds: float


def runs_by_state(tx: Connection) -> dict[str, int]:
    """Return state -> number of live runs."""
    rows = tx.execute(select(runs.c.state, func.count()).where(runs.c.state != "done").group_by(runs.c.state))
    return {row[0]: int(row[1]) for row in rows}


def queued_by_profile(tx: Connection) -> list[Waiting]:
    """Return the queued runs by profile."""
    profile = func.coalesce(tickets.c.profile, "")
    rows = tx.execute(
        select(profile, func.count(), now_ms() - func.min(func.coalesce(tickets.c.since_ms, runs.c.created_at_ms)))
        .select_from(runs.outerjoin(tickets, tickets.c.run_id == runs.c.id))
        .where(runs.c.state == "queued")
        .group_by(profile).order_by(profile)
    )
    return [Waiting(row[0], int(row[1]), max(0, int(row[2])) / 1000) for row in rows]


def queued_ids(tx: Connection, limit: int) -> list[str]:
    """Return the ids of runs that wait for a place, oldest first."""
    return list(tx.execute(select(runs.c.id).where(runs.c.state == "queued").order_by(runs.c.created_at_ms, runs.c.id).limit(limit)).scalars())


def events_undecided(tx: Connection) -> int:
    """Return how many events wait to be decided on."""
    return int(tx.execute(select(func.count()).select_from(inbox).where(inbox.c.state == "stored")).scalar_one())
