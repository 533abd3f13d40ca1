"""Looking back at the inbox: one delivery's event, the newest ones, those since a moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, Row, or_, select

from app.core.event import Event
from app.ledger.database import now_ms
from app.ledger.inbox import Entry
from app.ledger.tables import inbox

_COLUMNS = [inbox.c[name] for name in Entry._fields]
_PAGE = 500
_LARGEST_ID = 2**62


def of_delivery(tx: Connection, name: str) -> list[Entry]:
    """Return the events of a delivery, by the service's name for it or by the number of the event; there is at most one of each source."""
    number = int(name) if name.isascii() and name.isdigit() and len(name) < 18 else -1
    rows = tx.execute(select(*_COLUMNS).where(or_(inbox.c.delivery_key == name[:200], inbox.c.id == number)).order_by(inbox.c.id))
    return [_entry(row) for row in rows]


def newest(
    tx: Connection, limit: int, *, before: int | None = None, wanted: Callable[[Entry], bool] = lambda _: True, look_at: int = 2000
) -> tuple[list[Entry], int | None]:
    """Return the newest events that are wanted, and below which number to go on (None: there are no more).

    At most `look_at` events are looked at: what is asked of one stands in a document that is not queried into.
    """
    found: list[Entry] = []
    at, looked = before or _LARGEST_ID, 0
    while looked < look_at:
        rows = tx.execute(select(*_COLUMNS).where(inbox.c.id < at).order_by(inbox.c.id.desc()).limit(min(_PAGE, look_at))).all()
        for row in rows:
            at, looked = row.id, looked + 1
            entry = _entry(row)
            if wanted(entry):
                found.append(entry)
            if len(found) == limit:
                return found, at
        if len(rows) < _PAGE:
            return found, None
    return found, at


def since(tx: Connection, seconds: float) -> Iterator[Entry]:
    """Yield the events of the last `seconds`, oldest first."""
    after, begin = 0, now_ms() - int(seconds * 1000)
    while rows := tx.execute(
        select(*_COLUMNS).where(inbox.c.id > after, inbox.c.received_at_ms >= begin).order_by(inbox.c.id).limit(_PAGE)
    ).all():
        for row in rows:
            yield _entry(row)
        after = rows[-1].id


def _entry(row: Row[Any]) -> Entry:
    event = Event.model_validate_json(row.event)
    return Entry(row.id, event, row.state, row.attempts, row.decision, row.run_id, row.received_at_ms)
