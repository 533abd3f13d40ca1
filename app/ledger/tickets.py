"""What runs are counted under while they wait for a place and while they have one, and how long runs have taken."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Any

from sqlalchemy import Connection, Select, func, insert, or_, select, update

from app.core.deciding.standing import NOBODYS_WORD
from app.core.event import Event
from app.core.line.budget import micro_usd
from app.core.line.ticket import Ticket
from app.core.profile import Profile
from app.ledger.database import insert_unless, now_ms
from app.ledger.tables import host_places, runs, stages, tickets

# How many of a profile's last runs say how long its next one takes.
_LOOKED_AT = 20
_DAY_MS = 24 * 3600 * 1000
# How long a run takes counts from the mark at which it left the line.
_BEGUN = "starting"


def note(tx: Connection, run_id: str, event: Event, profile: Profile) -> None:
    """Put down what a new run is counted under."""
    source, kind = event.source, event.kind.partition(".")[0]
    tx.execute(insert(tickets).values(
        run_id=run_id, owner=f"{source}:{event.repo.owner.casefold()}"[:200], repo=f"{source}:{event.repo.id}",
        person=f"{source}:{event.actor.id}"[:200], profile=profile.name,
        # Whoever starts a run by hand is waiting for it, too.
        is_by_person=event.actor.kind == "person" and (kind == "by_hand" or kind not in NOBODYS_WORD),
        budget_micro_usd=micro_usd(profile.budget.usd), since_ms=now_ms(),
    ))


def waiting(tx: Connection, host: str) -> list[Ticket]:
    """Return who waits for a place on a host now; one that is to be tried again later does not hold up others."""
    rows = tx.execute(_tickets().where(
        runs.c.state == "queued", or_(runs.c.host == host, runs.c.host.is_(None)), runs.c.next_at_ms <= now_ms(),
    ))
    return [Ticket(*row) for row in rows]


def of_run(tx: Connection, run_id: str) -> Ticket | None:
    """Return one run's ticket, or None where there is no such run."""
    row = tx.execute(_tickets().where(runs.c.id == run_id)).one_or_none()
    return None if row is None else Ticket(*row)


def under_way(tx: Connection) -> list[Ticket]:
    """Return who has a place, on any host."""
    return [Ticket(*row) for row in tx.execute(_tickets().where(runs.c.state.not_in(("queued", "done"))))]


def served(tx: Connection) -> dict[tuple[str, str], int]:
    """Return when each organisation, and each person, last had a run of theirs begin, of the last day."""
    found: dict[tuple[str, str], int] = {}
    rows = tx.execute(
        select(tickets.c.owner, tickets.c.person, func.max(stages.c.at_ms))
        .select_from(tickets.join(stages, (stages.c.run_id == tickets.c.run_id) & (stages.c.name == _BEGUN)))
        .where(tickets.c.since_ms > now_ms() - _DAY_MS)
        .group_by(tickets.c.owner, tickets.c.person)
    )
    for owner, person, at_ms in rows:
        for key in (("owner", owner), ("person", person)):
            found[key] = max(found.get(key, 0), int(at_ms))
    return found


def _tickets() -> Select[Any]:
    # A run that is older than this table has none, and waits like any other.
    return select(
        runs.c.id, func.coalesce(tickets.c.since_ms, runs.c.created_at_ms), func.coalesce(tickets.c.owner, ""),
        func.coalesce(tickets.c.repo, ""), func.coalesce(tickets.c.person, ""), func.coalesce(tickets.c.profile, ""),
        func.coalesce(tickets.c.is_by_person, True), func.coalesce(tickets.c.budget_micro_usd, 0), runs.c.host, stages.c.at_ms,
    ).select_from(
        runs.outerjoin(tickets, tickets.c.run_id == runs.c.id)
        .outerjoin(stages, (stages.c.run_id == runs.c.id) & (stages.c.name == _BEGUN))
    )


def durations_ms(tx: Connection, profiles: Iterable[str]) -> dict[str, int]:
    """Return how long runs of each profile take, the middle of its last ones that came to their end; none: nobody knows."""
    found: dict[str, int] = {}
    begun, done = stages.alias("begun"), stages.alias("done")
    for profile in sorted(set(profiles)):
        took = tx.execute(
            select(done.c.at_ms - begun.c.at_ms)
            .select_from(tickets.join(begun, begun.c.run_id == tickets.c.run_id).join(done, done.c.run_id == tickets.c.run_id))
            .where(tickets.c.profile == profile, begun.c.name == _BEGUN, done.c.name == "done")
            .order_by(tickets.c.since_ms.desc()).limit(_LOOKED_AT)
        ).scalars().all()
        if took:
            found[profile] = int(median(took))
    return found


def set_places(tx: Connection, host: str, places: int) -> None:
    """Put down how many places a host has, where that is news."""
    if places_of(tx, host) != places:
        tx.execute(
            insert_unless(tx, host_places).values(host=host, places=places)
            .on_conflict_do_update(index_elements=["host"], set_={"places": places})
        )


def places_of(tx: Connection, host: str) -> int | None:
    """Return how many places a host has, or None where it has not said."""
    return tx.execute(select(host_places.c.places).where(host_places.c.host == host)).scalar_one_or_none()


def told(tx: Connection, run_id: str) -> tuple[str, int]:
    """Return what the thread was told of the run's place, and how many milliseconds ago."""
    row = tx.execute(select(tickets.c.told, now_ms() - tickets.c.told_at_ms).where(tickets.c.run_id == run_id)).one_or_none()
    return ("", 0) if row is None else (row[0], int(row[1]))


def as_told(words: str) -> str:
    """Return as much of the words as is kept of what was told."""
    return words[:300]


def tell(tx: Connection, run_id: str, words: str) -> None:
    """Note what the thread is told of the run's place now."""
    tx.execute(update(tickets).where(tickets.c.run_id == run_id).values(told=as_told(words), told_at_ms=now_ms()))
