"""Model exchanges: request and response as they went through the gateway, without any credential."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, func, insert, select

from app.ledger.tables import exchanges


class Exchange(NamedTuple):
    """One request to a model API (`anthropic`, `openai`) and its answer, bytes as sent and received."""

    run_id: str
    sandbox_id: str
    api: str
    path: str
    request: bytes
    status: int
    content_type: str
    response: bytes
    input_tokens: int | None
    output_tokens: int | None
    started_at_ms: int
    duration_ms: int


class Usage(NamedTuple):
    """What a run has used."""

    exchanges: int
    input_tokens: int
    output_tokens: int
    duration_ms: int


def record(tx: Connection, exchange: Exchange) -> None:
    """Keep one exchange."""
    tx.execute(insert(exchanges).values(**exchange._asdict()))


def of_run(tx: Connection, run_id: str) -> list[Exchange]:
    """Return the run's exchanges in the order they ended."""
    columns = [exchanges.c[name] for name in Exchange._fields]
    rows = tx.execute(select(*columns).where(exchanges.c.run_id == run_id).order_by(exchanges.c.id))
    return [Exchange(*row) for row in rows]


def last_status(tx: Connection, sandbox_id: str) -> int | None:
    """Return the status of the sandbox's last exchange (0: no answer came), or None if there was none."""
    return tx.execute(
        select(exchanges.c.status).where(exchanges.c.sandbox_id == sandbox_id).order_by(exchanges.c.id.desc()).limit(1)
    ).scalar()


def usage(tx: Connection, run_id: str) -> Usage:
    """Return the run's totals."""
    row = tx.execute(
        select(
            func.count(), func.coalesce(func.sum(exchanges.c.input_tokens), 0),
            func.coalesce(func.sum(exchanges.c.output_tokens), 0), func.coalesce(func.sum(exchanges.c.duration_ms), 0),
        ).where(exchanges.c.run_id == run_id)
    ).one()
    return Usage(*(int(value) for value in row))
