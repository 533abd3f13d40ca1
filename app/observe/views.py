"""What the pages, the API and the command line show of a run: plain values, made from the ledger's rows."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection

from app.core.outcome import Outcome
from app.core.run import Run
from app.ledger import audit, exchanges, holds, reports, runs, sandboxes
from app.ledger.audit import AuditRow, Use
from app.ledger.exchanges import Usage
from app.ledger.inbox import Entry
from app.ledger.reports import ReportRow
from app.ledger.sandboxes import SandboxRow
from app.ledger.steps import StepRow

# The stages a person sees: from the mark that opens each to the mark that opens the next.
STAGE_LABELS = {
    "received": "deciding on the event",
    "queued": "waiting for a worker",
    "starting": "fetching the repository",
    "preparing": "setting up",
    "sandbox-setup": "setting up",
    "set-up": "fetching the repository",
    "workspace": "starting the sandbox",
    "running": "starting the sandbox",
    "sandbox-work": "starting the agent",
    "first-step": "agent at work",
    "collecting": "checking the change",
    "sandbox-setup-verify": "setting up for the check",
    "set-up-verify": "starting a fresh sandbox",
    "verifying": "starting a fresh sandbox",
    "sandbox-verify": "verifying the change",
    "publishing": "publishing",
}


# A run asks its model thousands of times, and a sandbox can have as many addresses refused as it likes.
MOST_USES = 200


class Stage(NamedTuple):
    """One stretch of a run's time; `duration_ms` is None while it lasts."""

    name: str
    at_ms: int
    duration_ms: int | None


class RunView(NamedTuple):
    """Everything that is shown of one run; of the uses of credentials, those alike as one, and of these a bounded number."""

    run: Run
    stages: list[Stage]
    sandboxes: list[SandboxRow]
    usage: Usage
    uses: list[Use]
    denied: list[Use]
    audit_rows: int
    reports: list[ReportRow]
    patch: str = ""


def stages_of(marks: list[tuple[str, int]]) -> list[Stage]:
    """Turn marks in order of time into stretches; neighbours with the same label are one."""
    stretches: list[Stage] = []
    # Marks that are for Bellhop alone part nothing.
    marks = [(name, at_ms) for name, at_ms in marks if name in STAGE_LABELS or name == "done"]
    for (name, at_ms), following in zip(marks, [*marks[1:], None], strict=True):
        label = STAGE_LABELS.get(name)
        if label is None:
            continue
        duration_ms = None if following is None else following[1] - at_ms
        if stretches and stretches[-1].name == label and stretches[-1].duration_ms is not None:
            last = stretches.pop()
            total = None if duration_ms is None else (last.duration_ms or 0) + duration_ms
            stretches.append(Stage(label, last.at_ms, total))
        else:
            stretches.append(Stage(label, at_ms, duration_ms))
    return stretches


def view(tx: Connection, run_id: str) -> RunView | None:
    """Read everything that is shown of a run, or None if there is no such run."""
    run = runs.load(tx, run_id)
    if run is None:
        return None
    hold = holds.load(tx, run_id)
    return RunView(
        run, stages_of(runs.timeline(tx, run_id)), sandboxes.of_run(tx, run_id), exchanges.usage(tx, run_id),
        audit.uses(tx, run_id, MOST_USES, refused=False), audit.uses(tx, run_id, MOST_USES, refused=True),
        audit.count(tx, run_id), reports.of_run(tx, run_id),
        patch="" if hold is None else hold.patch,
    )


def role_of(row: StepRow) -> str:
    """Return which kind of sandbox a step comes from: `work`, `setup` or `verify`."""
    kind = row.sandbox_id.split("-")[1:2]
    return kind[0] if kind in (["setup"], ["verify"]) else "work"


def shown_kind(row: StepRow) -> str:
    """Return what stands before a step: its kind, or that it is of a setup or of the verify sandbox; a denial is one wherever it comes from."""
    role = role_of(row)
    return role if role != "work" and row.step.kind != "denied" else row.step.kind


def step_json(row: StepRow) -> dict[str, Any]:
    """Return one step as the API gives it, whole."""
    return {
        "sequence": row.sequence, "at_ms": row.at_ms, "kind": row.step.kind, "text": row.step.text,
        "data": row.step.data, "role": role_of(row),
    }


def run_json(run: Run) -> dict[str, Any]:
    """Return one run as the API and `--json` give it."""
    return {
        "id": run.id, "state": run.state, "thread": run.thread, "title": run.event.title,
        "profile": run.profile.name, "agent": run.profile.agent.uses, "repo": run.event.repo.full_name,
        "url": run.event.url, "by": run.event.actor.login, "isolation": run.isolation,
        "base_commit": run.base_commit, "branch": run.branch,
        "outcome": None if run.outcome is None else run.outcome.model_dump(),
        "created_at_ms": run.created_at_ms, "updated_at_ms": run.updated_at_ms,
    }


def ignored_json(entry: Entry) -> dict[str, Any]:
    """Return one event that started nothing as `--json` gives it."""
    event = entry.event
    return {
        "inbox_id": entry.id, "received_at_ms": entry.received_at_ms, "state": entry.state, "decision": entry.decision,
        "kind": event.kind, "thread": event.thread, "by": event.actor.login,
    }


def view_json(view: RunView) -> dict[str, Any]:
    """Return one run with everything but its transcript, as the API and `--json` give it."""
    return run_json(view.run) | {
        "stages": [stage._asdict() for stage in view.stages],
        "usage": view.usage._asdict(),
        "credentials": [use._asdict() for use in view.uses],
        "denied": [use._asdict() for use in view.denied],
        "audit_rows": view.audit_rows,
        "reports": [{"at_ms": row.at_ms, **row.report.model_dump()} for row in view.reports],
        "permissions": view.run.profile.permissions,
    }


def audit_json(number: int, row: AuditRow) -> dict[str, Any]:
    """Return one row of the audit as the API gives it."""
    return {"id": number, **row._asdict()}


def outcome_line(outcome: Outcome | None) -> str:
    """Return the outcome in one line, or an empty string for a run that has none yet."""
    if outcome is None:
        return ""
    if outcome.kind == "pull_request":
        return f"{'draft ' if outcome.draft else ''}pull request {outcome.url}"
    if outcome.kind == "refused" and outcome.reason == "cancelled":
        return outcome.text
    if outcome.kind in ("refused", "failed"):
        return f"{outcome.kind}: {outcome.text}"
    return f"{outcome.kind.replace('_', ' ')}: {outcome.text}"
