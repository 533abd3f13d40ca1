"""A run's checks: on the head that it works at, and on the commit that it has published."""

from __future__ import annotations

from sqlalchemy import Connection

from app.core.decide import BUTTONS
from app.core.event import Event
from app.core.run import Run
from app.core.showing.check import CHECK, CHECK_PUSHED, check_of
from app.core.showing.offers import is_of_branch
from app.core.showing.receipt import receipt_for
from app.ledger import holds, outbox, runs
from app.publish.describe import run_url, stage_of
from app.publish.proposal import Proposal
from tasks.parts import Parts


def say_checks(tx: Connection, parts: Parts, run: Run, comment: str) -> None:
    """Put what the run's checks should say now, which is what its comment says; nothing where they are not wanted, or were refused."""
    if not run.profile.signs.check_run:
        return
    hold = holds.load(tx, run.id) if run.outcome is not None and run.outcome.kind == "held" else None
    for kind, commit in _commits(tx, run).items():
        if outbox.was_given_up(tx, run.id, kind):
            continue
        check = check_of(
            run, commit, stage=stage_of(run), summary=comment, details_url=run_url(parts.settings.link_url, run.id),
            is_settled=hold is not None and hold.state != "open",
        )
        outbox.put_news(tx, run.id, kind, check.model_dump_json())


def answered(parts: Parts, event: Event) -> Event:
    """Return a press of a button of what waits for an approval as said in the thread of that; any other event as it is."""
    if event.button not in BUTTONS or event.ci is None or not event.ci.external_id:
        return event
    with parts.database.read() as tx:
        run = runs.load(tx, event.ci.external_id)
    if run is None or (run.event.source != event.source and not run.event.is_elsewhere) or run.event.repo.id != event.repo.id:
        return event
    about = run.event
    return event.model_copy(update={"thread": about.thread, "number": about.number, "is_pull_request": about.is_pull_request, "title": about.title, "url": about.url})


def give_receipt(tx: Connection, run: Run, event: Event) -> None:
    """Put the reaction on what somebody wrote or did that came to this run; once for each."""
    receipt = receipt_for(event) if run.profile.signs.reaction else None
    if receipt is not None and event.repo.id == run.event.repo.id and outbox.load(tx, run.id, receipt.kind) is None:
        outbox.put(tx, run.id, receipt.kind, receipt.model_dump_json())


def _commits(tx: Connection, run: Run) -> dict[str, str]:
    """Return the commits to have a check, each by its kind in the outbox."""
    pull, outcome = run.event.pull, run.outcome
    found = {CHECK: pull.head_commit} if pull is not None else {}
    if is_of_branch(run.event) and run.works_on is not None:
        # Whoever has pressed a button on a commit looks there for what comes of it.
        found[CHECK] = run.works_on
    elif pull is None and outcome is not None and outcome.kind == "held" and run.base_commit is not None:
        # Buttons stand beside commits and nowhere else: those of what waits stand where its work began.
        found[CHECK] = run.base_commit
    if outcome is not None and outcome.kind == "pull_request" and (candidate := runs.candidate(tx, run.id)) is not None:
        found[CHECK_PUSHED] = Proposal.model_validate_json(candidate).commit
    return found
