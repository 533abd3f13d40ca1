"""Looks: what is done from time to time by whichever host comes first."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.ledger.database import now_ms
from app.ledger.tables import looks


def take(tx: Connection, name: str, hold_seconds: float) -> int | None:
    """Take a look that is due, so that nobody else does for so long, and return the mark of that; None: it is not due, or taken.

    One that nobody knows is due.
    """
    _put_first(tx, name)
    taken = tx.execute(
        update(looks).where(looks.c.name == name, looks.c.next_at_ms <= now_ms())
        .values(next_at_ms=now_ms() + int(hold_seconds * 1000)).returning(looks.c.next_at_ms)
    ).first()
    return None if taken is None else int(taken.next_at_ms)


def again_in(tx: Connection, name: str, mark: int, seconds: float) -> None:
    """Say when a look that was taken is due again, unless somebody has hastened it meanwhile."""
    wanted = (looks.c.name == name, looks.c.next_at_ms == mark)
    tx.execute(update(looks).where(*wanted).values(next_at_ms=now_ms() + int(seconds * 1000)))


def is_due(tx: Connection, name: str) -> bool:
    """Return whether a look is due; one that nobody knows is."""
    later = select(looks.c.name).where(looks.c.name == name, looks.c.next_at_ms > now_ms())
    return tx.execute(later).first() is None


def postpone(tx: Connection, name: str, seconds: float) -> None:
    """Have a look wait for so many seconds at least."""
    _put_first(tx, name)
    until = now_ms() + int(seconds * 1000)
    tx.execute(update(looks).where(looks.c.name == name, looks.c.next_at_ms < until).values(next_at_ms=until))


def hasten(tx: Connection, name: str, seconds: float) -> None:
    """Have the look done in so many seconds at the latest."""
    _put_first(tx, name)
    soon = now_ms() + int(seconds * 1000)
    tx.execute(update(looks).where(looks.c.name == name, looks.c.next_at_ms > soon).values(next_at_ms=soon))


def _put_first(tx: Connection, name: str) -> None:
    if tx.execute(select(looks.c.name).where(looks.c.name == name)).first() is None:
        try:
            with tx.begin_nested():
                tx.execute(insert(looks).values(name=name, next_at_ms=0))
        except IntegrityError:
            # Somebody else was first, which comes to the same.
            return
