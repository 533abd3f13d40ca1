"""What is counted as it happens, in the transaction of the thing itself: a scrape need not read all of the past.

Counted last in its transaction: several workers count in one row, and whoever waits there for another holds nothing that the other wants.
"""

from __future__ import annotations

import json

from sqlalchemy import Connection, select

from app.ledger.database import insert_unless
from app.ledger.tables import tallies

LABEL_LIMIT_CHARACTERS = 63


def add(tx: Connection, name: str, *labels: str, count: int = 1) -> None:
    """Add to the tally of `name` under its labels, of which there are few different ones."""
    key = json.dumps([label[:LABEL_LIMIT_CHARACTERS] for label in labels])
    tx.execute(
        insert_unless(tx, tallies).values(name=name, labels=key, count=count)
        .on_conflict_do_update(index_elements=["name", "labels"], set_={"count": tallies.c.count + count})
    )


def totals(tx: Connection, name: str) -> dict[tuple[str, ...], int]:
    """Return labels -> count."""
    rows = tx.execute(select(tallies.c.labels, tallies.c.count).where(tallies.c.name == name).order_by(tallies.c.labels))
    return {tuple(json.loads(row[0])): int(row[1]) for row in rows}
