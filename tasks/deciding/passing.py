"""CI that passes on another attempt while a run on its failure is live: there is nothing to mend, so the run ends at once."""

from __future__ import annotations

from contextlib import suppress

import structlog

from app.core.deciding.ci_head import is_ci
from app.core.event import Event
from app.core.outcome import Outcome, Refused
from app.core.run import Run
from app.errors import Paced, PublishRefused
from app.ledger import ci_attempts, runs
from tasks.parts import Parts
from tasks.starting.ci_report import flaky, passed_since
from tasks.waking import wake

log = structlog.get_logger()

PASSED = "passed"


def end_what_has_passed(parts: Parts, event: Event) -> None:
    """Have the live runs on this very commit's failed CI end, their agents too, where nothing of it fails any more; safe to repeat.

    The event is only the reason to look: what has passed, the service says. Words of people come first.
    """
    if not is_ci(event) or event.ci is None or event.ci.conclusion != "success":
        return
    with parts.database.read() as tx:
        live = ci_attempts.live_at_head(tx, event.source, event.repo.id, event.ci.head_commit)
    for run in live:
        if passed_since(parts, run) is None:
            continue
        with parts.database.begin() as tx:
            now = runs.load_still(tx, run.id)
            is_over = now is None or now.state == "done" or now.cancel_requested or bool(now.stopped_by)
            if now is None or is_over or runs.PUSHING in [name for name, _ in runs.timeline(tx, run.id)]:
                continue
            runs.mark(tx, run.id, PASSED)
            runs.request_cancel(tx, run.id)
        log.info("passed_while_live", run_id=run.id, state=now.state)
        wake(parts, now)


def outcome_of(parts: Parts, run: Run, refused: PublishRefused) -> Outcome:
    """Return the outcome of a run that was refused something: where its CI had passed, that it is flaky, else the refusal."""
    with parts.database.read() as tx:
        has_passed = PASSED in [name for name, _ in runs.timeline(tx, run.id)]
    if has_passed and refused.reason == "cancelled":
        # Said without the attempt where the service does not answer now.
        with suppress(Paced):
            return passed_since(parts, run) or flaky(run.event)
        return flaky(run.event)
    return Refused(reason=refused.reason, text=str(refused))
