"""The audit trail: every minting, use and revocation of a credential."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, func, insert, not_, select, update

from app.core.sandbox.denied import Denied
from app.ledger.database import now_ms
from app.ledger.tables import audit


class AuditRow(NamedTuple):
    """One use of a credential, named by its fingerprint."""

    run_id: str | None
    at_ms: int
    credential_id: str
    action: str
    target: str
    verdict: str


class Use(NamedTuple):
    """All rows of a run that say the same but for their time."""

    action: str
    credential_id: str
    target: str
    verdict: str
    times: int
    first_at_ms: int
    last_at_ms: int


def record(
    tx: Connection, *, run_id: str | None, credential_id: str, action: str, target: str, verdict: str
) -> int:
    """Write one row and return its number."""
    return int(tx.execute(
        insert(audit).returning(audit.c.id).values(
            run_id=run_id, at_ms=now_ms(), credential_id=credential_id, action=action, target=target[:300], verdict=verdict,
        )
    ).scalar_one())


def conclude(tx: Connection, row_id: int, verdict: str) -> None:
    """Say how something ended that was put on record when it began."""
    tx.execute(update(audit).where(audit.c.id == row_id).values(verdict=verdict))


def belongs(tx: Connection, credential_id: str, run_id: str) -> None:
    """Note which run a credential was for that was minted before there was one."""
    tx.execute(update(audit).where(audit.c.run_id.is_(None), audit.c.credential_id == credential_id).values(run_id=run_id))


def run_of(tx: Connection, credential_id: str) -> str | None:
    """Return the run that a credential was for, or None where there was none."""
    query = select(audit.c.run_id).where(audit.c.credential_id == credential_id, audit.c.run_id.is_not(None)).limit(1)
    return tx.execute(query).scalar_one_or_none()


def uses(tx: Connection, run_id: str, limit: int, *, refused: bool | None = None) -> list[Use]:
    """Return the run's rows, those alike as one, in the order in which each came first; only the refused or the others if asked."""
    alike = [audit.c[name] for name in ("action", "credential_id", "target", "verdict")]
    wanted = select(*alike, func.count(), func.min(audit.c.at_ms), func.max(audit.c.at_ms)).where(audit.c.run_id == run_id)
    if refused is not None:
        is_refused = audit.c.verdict.like("refused%")
        wanted = wanted.where(is_refused if refused else not_(is_refused))
    rows = tx.execute(wanted.group_by(*alike).order_by(func.min(audit.c.id)).limit(limit))
    return [Use._make(row) for row in rows]


def count(tx: Connection, run_id: str) -> int:
    """Return how many rows the run has."""
    return int(tx.execute(select(func.count()).where(audit.c.run_id == run_id)).scalar_one())


def after(tx: Connection, run_id: str, row_id: int, limit: int) -> list[tuple[int, AuditRow]]:
    """Return the run's rows that follow `row_id`, with their numbers, in order."""
    columns = [audit.c[name] for name in AuditRow._fields]
    rows = tx.execute(
        select(audit.c.id, *columns).where(audit.c.run_id == run_id, audit.c.id > row_id).order_by(audit.c.id).limit(limit)
    )
    return [(row[0], AuditRow(*row[1:])) for row in rows]


def of_run(tx: Connection, run_id: str) -> list[AuditRow]:
    """Return the run's rows in order."""
    columns = [audit.c[name] for name in AuditRow._fields]
    rows = tx.execute(select(*columns).where(audit.c.run_id == run_id).order_by(audit.c.id))
    return [AuditRow(*row) for row in rows]


def denied(tx: Connection, run_id: str, *, action: str | None = None) -> list[Denied]:
    """Return what the run's sandboxes were denied, in order, each once; `action` is one part of the door (None: all)."""
    found = (Denied(target=row.target, why=row.verdict.partition(": ")[2]) for row in of_run(tx, run_id)
             if action in (None, row.action) and (row.verdict == "refused" or row.verdict.startswith("refused: ")))
    return list(dict.fromkeys(found))
