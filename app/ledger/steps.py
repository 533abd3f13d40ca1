"""Steps: the transcript of a run, in one sequence over all of its sandboxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, insert, select, update

from app.core.step import Step
from app.ledger.database import clock_ms
from app.ledger.tables import runs, step_marks, steps


class StepRow(NamedTuple):
    """One step on file."""

    sequence: int
    sandbox_id: str
    at_ms: int
    step: Step


def next_line(tx: Connection, sandbox_id: str) -> int:
    """Return how many of the runner's lines have been taken."""
    return int(tx.execute(select(step_marks.c.next_line).where(step_marks.c.sandbox_id == sandbox_id)).scalar_one())


def append(tx: Connection, run_id: str, sandbox_id: str, new: Sequence[Step], *, next_line: int | None = None) -> None:
    """Add steps to the end of the transcript, and note how many of the runner's lines they make up for."""
    if new:
        # On PostgreSQL two sandboxes of one run would count from the same number; whoever comes second waits here.
        tx.execute(select(runs.c.id).where(runs.c.id == run_id).with_for_update(key_share=True))
        last = tx.execute(select(func.max(steps.c.sequence)).where(steps.c.run_id == run_id)).scalar()
        first = 0 if last is None else last + 1
        at_ms = clock_ms(tx)
        tx.execute(
            insert(steps),
            [
                # PostgreSQL's text takes no NUL.
                {"run_id": run_id, "sequence": first + index, "sandbox_id": sandbox_id,
                 "at_ms": at_ms, "step": step.model_dump_json().replace("\\u0000", "\\ufffd")}
                for index, step in enumerate(new)
            ],
        )
    if next_line is not None:
        tx.execute(update(step_marks).where(step_marks.c.sandbox_id == sandbox_id).values(next_line=next_line))


def after(tx: Connection, run_id: str, sequence: int = -1, limit: int = 500) -> list[StepRow]:
    """Return the steps that follow `sequence`, in order."""
    rows = tx.execute(
        select(steps)
        .where(steps.c.run_id == run_id, steps.c.sequence > sequence)
        .order_by(steps.c.sequence)
        .limit(limit)
    )
    return [
        StepRow(row.sequence, row.sandbox_id, row.at_ms, Step.model_validate_json(row.step)) for row in rows
    ]


def before(tx: Connection, run_id: str, sequence: int | None = None, limit: int = 500) -> list[StepRow]:
    """Return the last steps that come before `sequence` (None: the newest), in order."""
    wanted = select(steps).where(steps.c.run_id == run_id)
    if sequence is not None:
        wanted = wanted.where(steps.c.sequence < sequence)
    rows = tx.execute(wanted.order_by(steps.c.sequence.desc()).limit(limit)).all()
    return [
        StepRow(row.sequence, row.sandbox_id, row.at_ms, Step.model_validate_json(row.step)) for row in reversed(rows)
    ]


def of_sandbox(tx: Connection, run_id: str, sandbox_id: str) -> list[Step]:
    """Return all steps of one sandbox, in order."""
    rows = tx.execute(
        select(steps.c.step)
        .where(steps.c.run_id == run_id, steps.c.sandbox_id == sandbox_id)
        .order_by(steps.c.sequence)
    ).scalars()
    return [Step.model_validate_json(row) for row in rows]
