"""What Bellhop itself has to say of a run in its comment, beside where it stands."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from app.ledger.tables import remarks


def add(tx: Connection, run_id: str, text: str) -> None:
    """Add a remark, unless the run has it already."""
    if text not in of_run(tx, run_id):
        tx.execute(insert(remarks).values(run_id=run_id, text=text[:2000]))


def of_run(tx: Connection, run_id: str) -> tuple[str, ...]:
    """Return a run's remarks in order."""
    return tuple(tx.execute(select(remarks.c.text).where(remarks.c.run_id == run_id).order_by(remarks.c.id)).scalars())
