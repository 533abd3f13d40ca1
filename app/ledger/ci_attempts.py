"""The runs that were started because CI had failed: counted by commit and by case, so that they come to an end."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, func, insert, select

from app.core.run import Run
from app.ledger import runs
from app.ledger.database import now_ms
from app.ledger.tables import ci_attempts, threads


class Counted(NamedTuple):
    """How many runs there were for a commit, and for a case."""

    at_head: int
    in_case: int


def note(tx: Connection, run: Run, head_commit: str) -> None:
    """Put on file that a run was started for a commit."""
    tx.execute(insert(ci_attempts).values(
        run_id=run.id, source=run.event.source, repo_id=run.event.repo.id, head_commit=head_commit, case_id=run.case_id, at_ms=now_ms(),
    ))


def count(tx: Connection, source: str, repo_id: int, head_commit: str, case_id: str | None, within_seconds: float | None) -> Counted:
    """Return the numbers; those of the case within so many seconds (None: ever)."""
    of_repo = (ci_attempts.c.source == source, ci_attempts.c.repo_id == repo_id)
    at_head = tx.execute(select(func.count()).select_from(ci_attempts).where(*of_repo, ci_attempts.c.head_commit == head_commit)).scalar_one()
    of_case = [*of_repo, ci_attempts.c.case_id == case_id]
    if within_seconds is not None:
        of_case.append(ci_attempts.c.at_ms > now_ms() - int(within_seconds * 1000))
    in_case = tx.execute(select(func.count()).select_from(ci_attempts).where(*of_case)).scalar_one() if case_id else 0
    return Counted(at_head, in_case)


def live_at_head(tx: Connection, source: str, repo_id: int, head_commit: str) -> list[Run]:
    """Return the runs for a commit's failed CI that are not over."""
    at_head = (ci_attempts.c.source == source, ci_attempts.c.repo_id == repo_id, ci_attempts.c.head_commit == head_commit)
    found = [runs.load(tx, run_id) for run_id in tx.execute(select(ci_attempts.c.run_id).where(*at_head)).scalars().all()]
    return [run for run in found if run is not None and run.state != "done"]


def newest_run(tx: Connection, case_id: str) -> str | None:
    """Return the id of the newest run of a case that was started for failed CI, or None."""
    newest = select(ci_attempts.c.run_id).where(ci_attempts.c.case_id == case_id).order_by(ci_attempts.c.at_ms.desc(), ci_attempts.c.run_id)
    return tx.execute(newest.limit(1)).scalar_one_or_none()


def case_of_thread(tx: Connection, thread: str) -> str | None:
    """Return the case that a thread is about, or None for one that nobody has rung in."""
    return tx.execute(select(threads.c.case_id).where(threads.c.thread == thread)).scalar_one_or_none()


def live_in_case(tx: Connection, case_id: str) -> Run | None:
    """Return the live run of a case, or None."""
    thread = _thread_of(tx, case_id)
    return None if thread is None else runs.live_in_thread(tx, thread)


def over_in_case(tx: Connection, case_id: str) -> list[Run]:
    """Return the runs of a case that are over, newest first."""
    thread = _thread_of(tx, case_id)
    return [] if thread is None else runs.over_in_thread(tx, thread)


def _thread_of(tx: Connection, case_id: str) -> str | None:
    return tx.execute(select(threads.c.thread).where(threads.c.case_id == case_id).limit(1)).scalar_one_or_none()
