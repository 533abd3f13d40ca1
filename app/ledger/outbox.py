"""The outbox: what should stand in the thread. A reply is a state to bring about, not a call to make once."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection, case, insert, select, update

from app.ledger.database import now_ms
from app.ledger.tables import outbox

_GIVEN_UP = "given up: "


class Reply(NamedTuple):
    """A reply as it should stand now; `delivered_version` is how far the service has been told, or was given up on.

    `held_until_ms` is the mark of the hold under which it was read.
    """

    run_id: str
    kind: str
    body: str
    version: int
    delivered_version: int
    url: str | None
    attempts: int
    held_until_ms: int


def put(tx: Connection, run_id: str, kind: str, body: str) -> None:
    """Say what the reply should be from now on; it is due at once, or when the service wants to be asked again."""
    earliest = case((outbox.c.next_at_ms > now_ms(), outbox.c.next_at_ms), else_=now_ms())
    changed = tx.execute(
        update(outbox)
        .where(outbox.c.run_id == run_id, outbox.c.kind == kind)
        .values(body=body, version=outbox.c.version + 1, attempts=0, next_at_ms=earliest)
    )
    if changed.rowcount == 0:
        tx.execute(insert(outbox).values(run_id=run_id, kind=kind, body=body, version=1, delivered_version=0,
                                         attempts=0, next_at_ms=now_ms(), held_until_ms=0))


def put_news(tx: Connection, run_id: str, kind: str, body: str) -> bool:
    """Say what the reply should be from now on, unless it is that already; return whether it was news."""
    known = load(tx, run_id, kind)
    if known is not None and known.body == body:
        return False
    put(tx, run_id, kind, body)
    return True


def was_given_up(tx: Connection, run_id: str, kind: str) -> bool:
    """Return whether delivering the reply was given up, the last time that it was tried."""
    said = tx.execute(select(outbox.c.last_error).where(outbox.c.run_id == run_id, outbox.c.kind == kind)).scalar_one_or_none()
    return said is not None and said.startswith(_GIVEN_UP)


def undelivered(tx: Connection, run_id: str) -> list[str]:
    """Return the kinds of the run's replies that the service has not been told."""
    rows = tx.execute(
        select(outbox.c.kind).where(outbox.c.run_id == run_id, outbox.c.delivered_version < outbox.c.version)
    )
    return sorted(row.kind for row in rows)


def kinds(tx: Connection, run_id: str) -> list[str]:
    """Return the kinds of all of the run's replies."""
    return sorted(tx.execute(select(outbox.c.kind).where(outbox.c.run_id == run_id)).scalars())


def load(tx: Connection, run_id: str, kind: str) -> Reply | None:
    """Return one reply, or None."""
    columns = [outbox.c[name] for name in Reply._fields]
    row = tx.execute(select(*columns).where(outbox.c.run_id == run_id, outbox.c.kind == kind)).one_or_none()
    return None if row is None else Reply(*row)


def hold(tx: Connection, run_id: str, kind: str, seconds: float) -> Reply | None:
    """Take an undelivered reply that nobody is delivering; None when there is nothing to do here."""
    taken = tx.execute(
        update(outbox)
        .where(
            outbox.c.run_id == run_id, outbox.c.kind == kind,
            outbox.c.delivered_version < outbox.c.version, outbox.c.held_until_ms <= now_ms(),
            outbox.c.next_at_ms <= now_ms(),
        )
        .values(held_until_ms=now_ms() + int(seconds * 1000))
    )
    return load(tx, run_id, kind) if taken.rowcount == 1 else None


def still_held(tx: Connection, reply: Reply) -> bool:
    """Return whether the hold under which `reply` was read is still its reader's, and has not run out."""
    found = tx.execute(
        select(outbox.c.run_id).where(
            outbox.c.run_id == reply.run_id, outbox.c.kind == reply.kind,
            outbox.c.held_until_ms == reply.held_until_ms, outbox.c.held_until_ms > now_ms(),
        )
    )
    return found.first() is not None


def delivered(tx: Connection, run_id: str, kind: str, version: int, url: str) -> None:
    """Note that the service holds this version, and let go; a version put meanwhile is due again."""
    tx.execute(
        update(outbox)
        .where(outbox.c.run_id == run_id, outbox.c.kind == kind)
        .values(delivered_version=version, url=url, last_error=None, held_until_ms=0)
    )


def failed(tx: Connection, run_id: str, kind: str, error: str, retry_in_seconds: float) -> None:
    """Note a failed delivery; it is due again after `retry_in_seconds`."""
    tx.execute(
        update(outbox)
        .where(outbox.c.run_id == run_id, outbox.c.kind == kind)
        .values(attempts=outbox.c.attempts + 1, last_error=error[:1000], held_until_ms=0,
                next_at_ms=now_ms() + int(retry_in_seconds * 1000))
    )


def wait(tx: Connection, run_id: str, kind: str, seconds: float) -> None:
    """Let go of a reply that was not tried; it is due again after `seconds`."""
    tx.execute(
        update(outbox).where(outbox.c.run_id == run_id, outbox.c.kind == kind)
        .values(held_until_ms=0, next_at_ms=now_ms() + int(seconds * 1000))
    )


def put_off(tx: Connection, run_id: str, kind: str, seconds: float) -> None:
    """Have a reply be due again after `seconds`, whoever holds it meanwhile."""
    tx.execute(update(outbox).where(outbox.c.run_id == run_id, outbox.c.kind == kind).values(next_at_ms=now_ms() + int(seconds * 1000)))


def give_up(tx: Connection, run_id: str, kind: str, version: int, error: str) -> None:
    """Note that this version will not be delivered, and let go; a version put meanwhile or later is due."""
    tx.execute(
        update(outbox)
        .where(outbox.c.run_id == run_id, outbox.c.kind == kind)
        .values(delivered_version=version, attempts=0, last_error=f"{_GIVEN_UP}{error}"[:1000], held_until_ms=0)
    )


def unmade(tx: Connection, run_ids: Collection[str]) -> set[tuple[str, str]]:
    """Return (run id, kind) of those runs' replies that do not stand at the service yet."""
    rows = tx.execute(select(outbox.c.run_id, outbox.c.kind).where(outbox.c.run_id.in_(run_ids), outbox.c.url.is_(None)))
    return {(row.run_id, row.kind) for row in rows}


def due(tx: Connection, limit: int = 100) -> list[tuple[str, str]]:
    """Return (run id, kind) of replies that the service has not been told and whose time has come."""
    rows = tx.execute(
        select(outbox.c.run_id, outbox.c.kind)
        .where(
            outbox.c.delivered_version < outbox.c.version,
            outbox.c.next_at_ms <= now_ms(), outbox.c.held_until_ms <= now_ms(),
        )
        .order_by(outbox.c.next_at_ms)
        .limit(limit)
    )
    return [(row.run_id, row.kind) for row in rows]
