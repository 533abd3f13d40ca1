"""Follow-ups: what people say in the thread while a run is live, handed to the agent in order."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, insert, select, update

from app.ledger.database import now_ms
from app.ledger.tables import messages


class MessageRow(NamedTuple):
    """One follow-up."""

    id: int
    author: str
    text: str


def append(tx: Connection, run_id: str, *, inbox_id: int, author: str, text: str) -> None:
    """Add a follow-up to a live run; the same inbox row adds one only."""
    known = tx.execute(select(messages.c.id).where(messages.c.inbox_id == inbox_id)).first()
    if known is None:
        tx.execute(insert(messages).values(run_id=run_id, inbox_id=inbox_id, author=author, text=text,
                                           created_at_ms=now_ms()))


def after(tx: Connection, run_id: str, message_id: int = 0) -> list[MessageRow]:
    """Return the follow-ups that came after `message_id`, in order."""
    rows = tx.execute(
        select(messages.c.id, messages.c.author, messages.c.text)
        .where(messages.c.run_id == run_id, messages.c.id > message_id)
        .order_by(messages.c.id)
    )
    return [MessageRow(*row) for row in rows]


def unhanded(tx: Connection, run_id: str) -> list[MessageRow]:
    """Return the follow-ups that no runner has confirmed, in order."""
    rows = tx.execute(
        select(messages.c.id, messages.c.author, messages.c.text)
        .where(messages.c.run_id == run_id, messages.c.handed_at_ms.is_(None))
        .order_by(messages.c.id)
    )
    return [MessageRow(*row) for row in rows]


def handed(tx: Connection, run_id: str, up_to_id: int) -> None:
    """Note that the runner has confirmed the follow-ups up to and including `up_to_id`."""
    tx.execute(
        update(messages)
        .where(messages.c.run_id == run_id, messages.c.id <= up_to_id, messages.c.handed_at_ms.is_(None))
        .values(handed_at_ms=now_ms())
    )
