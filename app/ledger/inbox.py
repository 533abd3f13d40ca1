"""The inbox: one row for each happening that was delivered, unique on its delivery key and on its intent key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.core.event import Event
from app.ledger.database import insert_unless, now_ms
from app.ledger.tables import delivery_counts, inbox


class Stored(NamedTuple):
    """A happening on file; `is_new` is False for one that had come before."""

    id: int
    is_new: bool


class Entry(NamedTuple):
    """One inbox row."""

    id: int
    event: Event
    state: str
    attempts: int
    decision: str | None
    run_id: str | None
    received_at_ms: int


_ENTRY = [inbox.c[name] for name in Entry._fields]

# Made once: every delivery pays for building a statement anew.
_INSERT = {
    name: (
        dialect.insert(inbox)
        .values(received_at_ms=now_ms(), state="stored", attempts=0, next_at_ms=0)
        .on_conflict_do_nothing()
        .returning(inbox.c.id, inbox.c.source, inbox.c.delivery_key)
    )
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}


def store(tx: Connection, event: Event) -> Stored:
    """Insert the event unless it is already on file."""
    return store_all(tx, [event])[0]


def store_all(tx: Connection, events: Sequence[Event]) -> list[Stored]:
    """Insert those events that are not on file, in one statement; answers come in the events' order.

    An event is on file when its delivery is, or another delivery of the same happening. Of several such ones
    among `events` the first is new and the others are not.
    """
    first: dict[tuple[str, str], Event] = {}
    for event in events:
        first.setdefault((event.source, event.delivery_key), event)
    rows = tx.execute(
        _INSERT[tx.dialect.name],
        [
            {
                "source": event.source, "delivery_key": event.delivery_key, "intent_key": event.intent_key,
                "event": event.model_dump_json(),
            }
            for event in first.values()
        ],
    )
    new = {(row[1], row[2]): int(row[0]) for row in rows}
    stored = []
    for event in events:
        key = (event.source, event.delivery_key)
        inserted = new.get(key) if first.pop(key, None) is not None else None
        if inserted is not None:
            stored.append(Stored(inserted, True))
        else:
            stored.append(Stored(new[key] if key in new else _on_file(tx, event), False))
    return stored


def _on_file(tx: Connection, event: Event) -> int:
    same = or_(inbox.c.delivery_key == event.delivery_key, inbox.c.intent_key == event.intent_key)
    return int(
        tx.execute(
            select(inbox.c.id).where(inbox.c.source == event.source, same).order_by(inbox.c.id).limit(1)
        ).scalar_one()
    )


def load(tx: Connection, inbox_id: int) -> Entry | None:
    """Return one row, or None."""
    row = tx.execute(select(*_ENTRY).where(inbox.c.id == inbox_id)).one_or_none()
    return None if row is None else Entry(row[0], Event.model_validate_json(row[1]), *row[2:])


def recent_ignored(tx: Connection, limit: int) -> list[Entry]:
    """Return the rows that started nothing, newest first, without those of programs, whose rings never do."""
    rows = tx.execute(
        select(*_ENTRY)
        .where(inbox.c.state.in_(("ignored", "failed")), inbox.c.decision.not_like("ignore: bot (%"))
        .order_by(inbox.c.id.desc())
        .limit(limit)
    )
    return [Entry(row[0], Event.model_validate_json(row[1]), *row[2:]) for row in rows]


def not_addressed_within(tx: Connection, within_ms: int) -> list[Entry]:
    """Return the rows of so long ago that were passed over because they spoke to nobody, oldest first, at most a hundred."""
    rows = tx.execute(
        select(*_ENTRY)
        .where(
            inbox.c.state == "ignored", inbox.c.received_at_ms > now_ms() - within_ms, inbox.c.decision.like("ignore: not_addressed (%"),
        )
        .order_by(inbox.c.id.desc())
        .limit(100)
    ).all()
    return [Entry(row[0], Event.model_validate_json(row[1]), *row[2:]) for row in reversed(rows)]


def revise(tx: Connection, inbox_id: int, *, decision: str, run_id: str) -> None:
    """Write that something follows from an ignored row after all."""
    tx.execute(
        update(inbox).where(inbox.c.id == inbox_id, inbox.c.state == "ignored").values(state="routed", decision=decision, run_id=run_id)
    )


def revise_event(tx: Connection, inbox_id: int, event: Event) -> None:
    """Keep the event as it was decided on, which says more than what came in."""
    tx.execute(update(inbox).where(inbox.c.id == inbox_id).values(event=event.model_dump_json()))


def tries(tx: Connection, inbox_id: int) -> tuple[int, str | None]:
    """Return how often a row was claimed, and what the last try failed with (None: it left no word)."""
    row = tx.execute(select(inbox.c.attempts, inbox.c.decision).where(inbox.c.id == inbox_id)).one_or_none()
    return (0, None) if row is None else (row.attempts, row.decision)


def claim(tx: Connection, inbox_id: int, hold_seconds: float) -> bool:
    """Count one attempt at a row that is due and hide it from the sweeper meanwhile; False if it is not due."""
    taken = tx.execute(
        update(inbox)
        .where(inbox.c.id == inbox_id, inbox.c.state == "stored", inbox.c.next_at_ms <= now_ms())
        .values(attempts=inbox.c.attempts + 1, decision=None, next_at_ms=now_ms() + int(hold_seconds * 1000))
    )
    return taken.rowcount == 1


def retry_in(tx: Connection, inbox_id: int, seconds: float, why: str = "") -> None:
    """Make a stored row due again after `seconds`, and note what the try failed with."""
    tx.execute(
        update(inbox)
        .where(inbox.c.id == inbox_id, inbox.c.state == "stored")
        .values(decision=why[:1000], next_at_ms=now_ms() + int(seconds * 1000))
    )


def wait(tx: Connection, inbox_id: int, seconds: float, why: str) -> None:
    """Make a stored row due again after `seconds`, and note what it waits for; that it was looked at is no try."""
    tx.execute(
        update(inbox)
        .where(inbox.c.id == inbox_id, inbox.c.state == "stored")
        .values(decision=why[:1000], attempts=inbox.c.attempts - 1, next_at_ms=now_ms() + int(seconds * 1000))
    )


def age_seconds(tx: Connection, inbox_id: int) -> float:
    """Return how long ago a row came in, by the database's clock."""
    at_ms = tx.execute(select(now_ms() - inbox.c.received_at_ms).where(inbox.c.id == inbox_id)).scalar_one()
    return float(at_ms) / 1000


def settle(tx: Connection, inbox_id: int, *, state: str, decision: str, run_id: str | None = None) -> bool:
    """Write the verdict on a stored row; False when somebody else already has."""
    done = tx.execute(
        update(inbox)
        .where(inbox.c.id == inbox_id, inbox.c.state == "stored")
        .values(state=state, decision=decision, run_id=run_id)
    )
    return done.rowcount == 1


def due(tx: Connection, limit: int = 100) -> list[int]:
    """Return the ids of stored rows whose time has come, oldest first."""
    return list(
        tx.execute(
            select(inbox.c.id)
            .where(inbox.c.state == "stored", inbox.c.next_at_ms <= now_ms())
            .order_by(inbox.c.id)
            .limit(limit)
        ).scalars()
    )


def count_delivery(tx: Connection, source: str, verdict: str, reason: str, count: int = 1) -> None:
    """Count deliveries that leave no row (`ignored`, `unknown`, `duplicate`), by their reason."""
    tx.execute(
        insert_unless(tx, delivery_counts)
        .values(source=source, verdict=verdict, reason=reason[:100], count=count)
        .on_conflict_do_update(
            index_elements=["source", "verdict", "reason"], set_={"count": delivery_counts.c.count + count}
        )
    )


def delivery_totals(tx: Connection) -> dict[tuple[str, str, str], int]:
    """Return (source, verdict, reason) -> count."""
    rows = tx.execute(select(delivery_counts)).all()
    return {(row[0], row[1], row[2]): row[3] for row in rows}




def received_at(tx: Connection, run_id: str) -> int:
    """Return when the event that started a run came in, in milliseconds since 1970."""
    return int(
        tx.execute(
            select(inbox.c.received_at_ms).where(inbox.c.run_id == run_id).order_by(inbox.c.id).limit(1)
        ).scalar_one()
    )
