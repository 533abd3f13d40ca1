"""What runs are told of the thread that their request stands in, as it was when they were started."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, insert, select

from app.core.thread_before import ThreadBefore
from app.ledger.tables import thread_pictures, threads_before


def keep(tx: Connection, run_id: str, before: ThreadBefore, pictures: Mapping[str, bytes]) -> None:
    """Put on file what a run that was just made is told; nothing where there is nothing to tell."""
    if before.is_empty:
        return
    tx.execute(insert(threads_before).values(run_id=run_id, said=before.model_dump_json()))
    for name, content in pictures.items():
        tx.execute(insert(thread_pictures).values(run_id=run_id, name=name, content=content))


def of_run(tx: Connection, run_id: str) -> ThreadBefore:
    """Return what a run is told, in words."""
    found = tx.execute(select(threads_before.c.said).where(threads_before.c.run_id == run_id)).scalar_one_or_none()
    return ThreadBefore() if found is None else ThreadBefore.model_validate_json(found)


def pictures_of(tx: Connection, run_id: str) -> dict[str, bytes]:
    """Return the pictures that go with it, by their names."""
    rows = tx.execute(select(thread_pictures.c.name, thread_pictures.c.content).where(thread_pictures.c.run_id == run_id).order_by(thread_pictures.c.name))
    return {row.name: bytes(row.content) for row in rows}


def copy(tx: Connection, run_id: str, to_run_id: str) -> None:
    """Tell a run that does another one's request once more, or goes on with it, the same."""
    keep(tx, to_run_id, of_run(tx, run_id), pictures_of(tx, run_id))
