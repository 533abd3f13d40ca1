"""Worker hosts: who is alive, so that a run can name one."""

from __future__ import annotations

from sqlalchemy import Connection, func, select, update

from app.ledger.database import insert_unless, now_ms
from app.ledger.tables import hosts, runs

ALIVE_SECONDS = 180


def seen(tx: Connection, name: str) -> None:
    """Note that a worker on this host is alive."""
    if tx.execute(update(hosts).where(hosts.c.name == name).values(seen_at_ms=now_ms())).rowcount == 0:
        tx.execute(insert_unless(tx, hosts).values(name=name, seen_at_ms=now_ms()).on_conflict_do_nothing())


def alive(tx: Connection) -> list[str]:
    """Return the hosts with a live worker."""
    return list(
        tx.execute(select(hosts.c.name).where(hosts.c.seen_at_ms > now_ms() - ALIVE_SECONDS * 1000)).scalars()
    )


def least_busy(tx: Connection) -> str | None:
    """Return the live host with the fewest live runs, or None when no host is alive."""
    busy = (
        select(runs.c.host, func.count().label("live")).where(runs.c.state != "done").group_by(runs.c.host).subquery()
    )
    return tx.execute(
        select(hosts.c.name)
        .outerjoin(busy, busy.c.host == hosts.c.name)
        .where(hosts.c.seen_at_ms > now_ms() - ALIVE_SECONDS * 1000)
        .order_by(func.coalesce(busy.c.live, 0), hosts.c.name)
        .limit(1)
    ).scalar_one_or_none()
