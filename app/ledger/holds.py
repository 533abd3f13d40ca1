"""What waits for approval, and who has given it: kept beside the run that is over, so that nothing of it holds a place."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, and_, insert, or_, select, update

from app.ledger.database import now_ms
from app.ledger.tables import approvals, holds, runs


class Hold(NamedTuple):
    """One result or plan that waits, or has waited; `bundle` is None for a plan, and once nobody will ask for it any more."""

    run_id: str
    binds: str
    state: str
    expires_at_ms: int
    bundle: bytes | None
    patch: str
    approved_run_id: str | None


class Approved(NamedTuple):
    """Somebody's approval; `permission` is what they had when they gave it."""

    actor_id: str
    login: str
    permission: str
    binds: str
    at_ms: int


_COLUMNS = [holds.c[name] for name in Hold._fields]


def open_hold(tx: Connection, run_id: str, *, binds: str, bundle: bytes | None, patch: str, hours: float) -> None:
    """Put on file what waits, in the transaction that ends its run."""
    tx.execute(insert(holds).values(
        run_id=run_id, binds=binds, state="open", expires_at_ms=now_ms() + int(hours * 3_600_000), bundle=bundle, patch=patch,
    ))


def load(tx: Connection, run_id: str) -> Hold | None:
    """Return what a run has left to wait, or None."""
    row = tx.execute(select(*_COLUMNS).where(holds.c.run_id == run_id)).one_or_none()
    return None if row is None else Hold(*row)


def load_still(tx: Connection, run_id: str) -> Hold | None:
    """The same; until this transaction ends, nobody else changes it."""
    tx.execute(select(holds.c.run_id).where(holds.c.run_id == run_id).with_for_update())
    return load(tx, run_id)


def behind(tx: Connection, run_id: str) -> Hold | None:
    """Return what a run goes on with because it was approved, or None."""
    row = tx.execute(select(*_COLUMNS).where(holds.c.approved_run_id == run_id)).one_or_none()
    return None if row is None else Hold(*row)


def is_expired(tx: Connection, hold: Hold) -> bool:
    """Return whether its time is over."""
    return bool(tx.execute(select(now_ms() >= hold.expires_at_ms)).scalar_one())


def approve(tx: Connection, hold: Hold, *, actor_id: str, login: str, permission: str) -> None:
    """Count somebody's approval."""
    tx.execute(insert(approvals).values(
        run_id=hold.run_id, actor_id=actor_id, login=login[:200], permission=permission, binds=hold.binds, at_ms=now_ms(),
    ))


def given(tx: Connection, run_id: str) -> list[Approved]:
    """Return the approvals in order of time."""
    columns = [approvals.c[name] for name in Approved._fields]
    rows = tx.execute(select(*columns).where(approvals.c.run_id == run_id).order_by(approvals.c.at_ms, approvals.c.actor_id))
    return [Approved(*row) for row in rows]


def settle(tx: Connection, run_id: str, state: str, approved_run_id: str | None = None) -> bool:
    """Say what became of it, once; False where that was said before. What is rejected is thrown away."""
    values = {"state": state, "approved_run_id": approved_run_id} | ({"bundle": None} if state == "rejected" else {})
    changed = tx.execute(update(holds).where(holds.c.run_id == run_id, holds.c.state == "open").values(**values))
    return changed.rowcount == 1


def forget(tx: Connection) -> int:
    """Throw away the bundles that nobody can ask for any more, and return how many."""
    is_over = select(runs.c.id).where(runs.c.id == holds.c.approved_run_id, runs.c.state == "done").exists()
    changed = tx.execute(
        update(holds)
        .where(holds.c.bundle.is_not(None), or_(and_(holds.c.state == "open", holds.c.expires_at_ms < now_ms()), is_over))
        .values(bundle=None)
    )
    return changed.rowcount
