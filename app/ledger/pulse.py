"""Whether a run has changed since somebody last looked: one small query, for those who look four times a second."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, func, select

from app.ledger.tables import audit, exchanges, reports, runs, stages, steps


class Pulse(NamedTuple):
    """What changes when anything of a run does; `last_step` is -1 while there is none."""

    state: str
    updated_at_ms: int
    cancel_requested: bool
    stopped_by: str | None
    last_step: int
    stages: int
    last_audit: int
    last_exchange: int
    last_report: int


def of_run(tx: Connection, run_id: str) -> Pulse | None:
    """Return the run's pulse, or None if there is no such run."""
    row = tx.execute(
        select(
            runs.c.state, runs.c.updated_at_ms, runs.c.cancel_requested, runs.c.stopped_by,
            select(func.coalesce(func.max(steps.c.sequence), -1)).where(steps.c.run_id == run_id).scalar_subquery(),
            select(func.count()).where(stages.c.run_id == run_id).scalar_subquery(),
            select(func.coalesce(func.max(audit.c.id), -1)).where(audit.c.run_id == run_id).scalar_subquery(),
            select(func.coalesce(func.max(exchanges.c.id), -1)).where(exchanges.c.run_id == run_id).scalar_subquery(),
            select(func.coalesce(func.max(reports.c.id), -1)).where(reports.c.run_id == run_id).scalar_subquery(),
        ).where(runs.c.id == run_id)
    ).one_or_none()
    return None if row is None else Pulse(*row)
