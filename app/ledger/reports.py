"""Reports: what the agent and the gateway have said for the thread while a run works."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, insert, select

from app.core.report import REPORT, Report
from app.ledger.database import clock_ms
from app.ledger.tables import reports, runs


class ReportRow(NamedTuple):
    """One report on file."""

    id: int
    sandbox_id: str
    at_ms: int
    report: Report


def record(tx: Connection, run_id: str, sandbox_id: str, report: Report) -> int:
    """Keep one report and return when, in milliseconds since 1970."""
    # PostgreSQL's text takes no NUL.
    text = report.model_dump_json().replace("\\u0000", "\\ufffd")
    at_ms = clock_ms(tx)
    tx.execute(insert(reports).values(run_id=run_id, sandbox_id=sandbox_id, at_ms=at_ms, report=text))
    return at_ms


def record_within(tx: Connection, run_id: str, sandbox_id: str, report: Report, limit: int) -> int | None:
    """Keep one report unless the run has `limit` of its kind, and return when; None when it was one too many.

    What repeats the last one of its kind is that one: nothing is kept, and the time is that one's.
    """
    # On PostgreSQL two calls at once would count the same ones; whoever comes second waits here.
    tx.execute(select(runs.c.id).where(runs.c.id == run_id).with_for_update(key_share=True))
    same = [row for row in of_run(tx, run_id) if row.report.kind == report.kind]
    if same and same[-1].report == report:
        return same[-1].at_ms
    return record(tx, run_id, sandbox_id, report) if len(same) < limit else None


def of_run(tx: Connection, run_id: str) -> list[ReportRow]:
    """Return the run's reports in order."""
    rows = tx.execute(select(reports).where(reports.c.run_id == run_id).order_by(reports.c.id))
    return [ReportRow(row.id, row.sandbox_id, row.at_ms, REPORT.validate_json(row.report)) for row in rows]
