"""Follow-ups: what people say in the thread while a run is live, handed to the agent in order."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, insert, select, update

from app.ledger.database import now_ms
from app.ledger.tables import messages


class MessageRow(NamedTuple):
    """One follow-up; `now`: it does not wait for the end of the agent's turn."""

    id: int
    author: str
    text: str
    now: bool = False


def append(tx: Connection, run_id: str, *, inbox_id: int, author: str, text: str, now: bool = False) -> None:
    """Add a follow-up to a live run; the same inbox row adds one only."""
    known = tx.execute(select(messages.c.id).where(messages.c.inbox_id == inbox_id)).first()
    if known is None:
        tx.execute(insert(messages).values(run_id=run_id, inbox_id=inbox_id, author=author, text=text,
                                           now=now, created_at_ms=now_ms()))


def after(tx: Connection, run_id: str, message_id: int = 0) -> list[MessageRow]:
    """Return the follow-ups that came after `message_id` and that nobody has handed over by another way, in order."""
    rows = tx.execute(
        select(messages.c.id, messages.c.author, messages.c.text, messages.c.now)
        .where(messages.c.run_id == run_id, messages.c.id > message_id, messages.c.handed_at_ms.is_(None))
        .order_by(messages.c.id)
    )
    return [MessageRow(*row) for row in rows]


def ages_ms(tx: Connection, run_id: str, message_id: int = 0) -> tuple[int, int] | None:
    """Return how long ago the newest and the oldest of `after` were written; None where there are none."""
    newest, oldest = tx.execute(
        select(now_ms() - func.max(messages.c.created_at_ms), now_ms() - func.min(messages.c.created_at_ms))
        .where(messages.c.run_id == run_id, messages.c.id > message_id, messages.c.handed_at_ms.is_(None))
    ).one()
    return None if newest is None else (int(newest), int(oldest))


def unhanded(tx: Connection, run_id: str) -> list[MessageRow]:
    """Return the follow-ups that no runner has confirmed, in order."""
    rows = tx.execute(
        select(messages.c.id, messages.c.author, messages.c.text, messages.c.now)
        .where(messages.c.run_id == run_id, messages.c.handed_at_ms.is_(None))
        .order_by(messages.c.id)
    )
    return [MessageRow(*row) for row in rows]


def inbox_ids(tx: Connection, run_id: str) -> list[int]:
    """Return the events that brought a run's follow-ups, in order."""
    return list(tx.execute(select(messages.c.inbox_id).where(messages.c.run_id == run_id).order_by(messages.c.id)).scalars())


def handed(tx: Connection, run_id: str, up_to_id: int) -> None:
    """Note that the runner has confirmed the follow-ups up to and including `up_to_id`."""
    tx.execute(
        update(messages)
        .where(messages.c.run_id == run_id, messages.c.id <= up_to_id, messages.c.handed_at_ms.is_(None))
        .values(handed_at_ms=now_ms())
    )


def has_answer(tx: Connection, run_id: str, asked_at_ms: int) -> bool:
    """Return whether a follow-up written since then waits to be handed over."""
    return tx.execute(_answers(run_id, asked_at_ms)).first() is not None


def take_answer(tx: Connection, run_id: str, asked_at_ms: int) -> MessageRow | None:
    """Hand over the first follow-up written since then that nobody has handed over yet; None when there is none."""
    row = tx.execute(_answers(run_id, asked_at_ms)).first()
    if row is None:
        return None
    taken = tx.execute(
        update(messages).where(messages.c.id == row.id, messages.c.handed_at_ms.is_(None)).values(handed_at_ms=now_ms())
    )
    return MessageRow(*row) if taken.rowcount == 1 else None


def any_handed(tx: Connection, run_id: str) -> bool:
    """Return whether a follow-up has been handed to the run's agent."""
    found = tx.execute(select(messages.c.id).where(messages.c.run_id == run_id, messages.c.handed_at_ms.is_not(None)))
    return found.first() is not None


def newest_at_ms(tx: Connection, run_id: str) -> int | None:
    """Return when the run's newest follow-up was written, or None."""
    return tx.execute(select(func.max(messages.c.created_at_ms)).where(messages.c.run_id == run_id)).scalar()


def _answers(run_id: str, asked_at_ms: int) -> Select[Any]:
    return (
        select(messages.c.id, messages.c.author, messages.c.text, messages.c.now)
        .where(messages.c.run_id == run_id, messages.c.created_at_ms >= asked_at_ms, messages.c.handed_at_ms.is_(None))
        .order_by(messages.c.id)
        .limit(1)
    )
