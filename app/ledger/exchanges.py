"""Model exchanges: request and response as they went through the gateway, without any credential."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, LargeBinary, case, func, insert, or_, select

from app.core.line.budget import Spent
from app.ledger.tables import exchanges

_HEAD_BYTES = 4000


class Exchange(NamedTuple):
    """One request to a model API (`anthropic`, `openai`, `gemini`) and its answer, bytes as sent and received.

    `model` (`vendor/model`) is set for a request that has the model speak, and for no other. `input_tokens` are all
    that went in, those of a cache included; `cost_micro_usd` is None where nobody knows the price.
    """

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
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    model: str | None = None
    cost_micro_usd: int | None = None


class Usage(NamedTuple):
    """What a run has used; `unpriced` turns are not in `cost_micro_usd`."""

    exchanges: int
    input_tokens: int
    output_tokens: int
    duration_ms: int
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    turns: int = 0
    cost_micro_usd: int = 0
    unpriced: int = 0


def record(tx: Connection, exchange: Exchange) -> None:
    """Keep one exchange."""
    tx.execute(insert(exchanges).values(**exchange._asdict()))


def of_run(tx: Connection, run_id: str) -> list[Exchange]:
    """Return the run's exchanges in the order they ended."""
    columns = [exchanges.c[name] for name in Exchange._fields]
    rows = tx.execute(select(*columns).where(exchanges.c.run_id == run_id).order_by(exchanges.c.id))
    return [Exchange(*row) for row in rows]


class LastAnswer(NamedTuple):
    """How a sandbox's last exchange ended: its status (0: no answer came), and the beginning of what was answered."""

    status: int
    head: bytes


def last_answer(tx: Connection, sandbox_id: str) -> LastAnswer | None:
    """Return how the sandbox's last exchange ended, or None if there was none."""
    head = func.substr(exchanges.c.response, 1, _HEAD_BYTES, type_=LargeBinary)
    row = tx.execute(
        select(exchanges.c.status, head).where(exchanges.c.sandbox_id == sandbox_id).order_by(exchanges.c.id.desc()).limit(1)
    ).one_or_none()
    # SQLite has NULL for a part of nothing.
    return None if row is None else LastAnswer(row[0], bytes(row[1] or b""))


def usage(tx: Connection, run_id: str, *, until_ms: int | None = None) -> Usage:
    """Return the run's totals, of what had ended by then. A turn is a request that had the model speak, or that its client gave up (status 0)."""
    is_turn = exchanges.c.model.is_not(None) & or_(exchanges.c.status == 0, exchanges.c.status.between(200, 299))
    sums = [
        func.coalesce(func.sum(column), 0) for column in (
            exchanges.c.input_tokens, exchanges.c.output_tokens, exchanges.c.duration_ms, exchanges.c.cache_read_tokens,
            exchanges.c.cache_write_tokens, case((is_turn, 1), else_=0), exchanges.c.cost_micro_usd,
            case((is_turn & exchanges.c.cost_micro_usd.is_(None), 1), else_=0),
        )
    ]
    wanted = [exchanges.c.run_id == run_id]
    if until_ms is not None:
        wanted.append(exchanges.c.started_at_ms + exchanges.c.duration_ms <= until_ms)
    row = tx.execute(select(func.count(), *sums).where(*wanted)).one()
    return Usage(*(int(value) for value in row))


def spent(tx: Connection, run_id: str) -> Spent:
    """Return what of its budget a run has used up."""
    used = usage(tx, run_id)
    return Spent(used.turns, used.input_tokens + used.output_tokens, used.cost_micro_usd)
