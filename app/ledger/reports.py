"""Reports: what the agent and the gateway have said for the thread while a run works."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, insert, select

from app.core.report import REPORT, Report
from app.ledger.database import now_ms
from app.ledger.tables import reports


class ReportRow(NamedTuple):
    """One report on file."""

    id: int
    sandbox_id: str
    at_ms: int
    report: Report


def record(tx: Connection, run_id: str, sandbox_id: str, report: Report) -> None:
    """Keep one report."""
    # PostgreSQL's text takes no NUL.
    text = report.model_dump_json().replace("\\u0000", "\\ufffd")
    tx.execute(insert(reports).values(run_id=run_id, sandbox_id=sandbox_id, at_ms=now_ms(), report=text))


def of_run(tx: Connection, run_id: str) -> list[ReportRow]:
    """Return the run's reports in order."""
    rows = tx.execute(select(reports).where(reports.c.run_id == run_id).order_by(reports.c.id))
    return [ReportRow(row.id, row.sandbox_id, row.at_ms, REPORT.validate_json(row.report)) for row in rows]
