"""What runs have cost and how long they took, for estimates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

from sqlalchemy import Connection, case, func, select

from app.core.run import Run
from app.ledger.tables import exchanges


def of_runs(tx: Connection, run_ids: Iterable[str]) -> dict[str, int]:
    """Return what each of these runs has cost so far in millionths of a dollar, as far as prices are known; one that cost nothing is not there."""
    rows = tx.execute(
        select(exchanges.c.run_id, func.sum(exchanges.c.cost_micro_usd))
        .where(exchanges.c.run_id.in_(list(run_ids)), exchanges.c.cost_micro_usd > 0)
        .group_by(exchanges.c.run_id)
    )
    return {row[0]: int(row[1]) for row in rows}


class Estimate(NamedTuple):
    """Medians over `runs` past runs; `cost_micro_usd` is None where the price of none of them is known."""

    runs: int
    cost_micro_usd: int | None
    duration_ms: int


def estimate(tx: Connection, past: Sequence[Run]) -> Estimate | None:
    """Return what runs such as these cost and how long they take; None without any."""
    if not past:
        return None
    costs = _costs(tx, [run.id for run in past])
    known = [cost for run in past if (cost := costs.get(run.id, 0)) is not None]
    return Estimate(
        len(past), None if not known else round(median(known)), round(median(run.updated_at_ms - run.created_at_ms for run in past)),
    )


def _costs(tx: Connection, run_ids: Iterable[str]) -> dict[str, int | None]:
    """Return what each run has cost in millionths of a dollar, None where a model's price is not known; one that asked no model is not there."""
    is_unpriced = case(((exchanges.c.model.is_not(None)) & exchanges.c.cost_micro_usd.is_(None) & (exchanges.c.status == 200), 1), else_=0)
    rows = tx.execute(
        select(exchanges.c.run_id, func.coalesce(func.sum(exchanges.c.cost_micro_usd), 0), func.sum(is_unpriced))
        .where(exchanges.c.run_id.in_(list(run_ids)))
        .group_by(exchanges.c.run_id)
    )
    return {row[0]: None if row[2] else int(row[1]) for row in rows}
