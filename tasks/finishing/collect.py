"""The first part of finishing: destroy the agent's sandbox, take its bundle through quarantine, judge it."""

from __future__ import annotations

from app.core.assignment import SandboxEnd
from app.core.outcome import Failed, Message, NothingToDo, Refused
from app.core.report import Reported, reported
from app.core.run import Run
from app.core.sandbox.turn import last_turn
from app.core.step import Step
from app.git_merges import Merge, marked_files
from app.ledger import exchanges, reports, runs, sandboxes, steps
from app.ledger.runs import Lease
from app.publish.candidate import Candidate
from app.publish.commit import commit_message, make_commit
from app.publish.describe import pull_request_title
from app.publish.policy import Violation, check
from app.publish.proposal import Proposal
from app.publish.result import result_of
from app.publish.secrets import find_secrets
from app.publish.touched_tests import touched_tests
from tasks.finishing.budget_end import ended_by_budget
from tasks.finishing.conclude import conclude, dismantle, refuse_if_cancelled
from tasks.finishing.hold import as_it_works, held_plan
from tasks.finishing.model_trouble import model_trouble
from tasks.finishing.publish import publish
from tasks.finishing.reviewing import all_reports, review
from tasks.finishing.target import goes_on_with_its_own
from tasks.finishing.verify import under_way, verify
from tasks.parts import Parts

ENDS = {
    "timeout": "it ran out of time",
    "idle": "it was silent for too long",
    "cancelled": "it was stopped",
    "budget": "its budget was used up",
    "lost": "its sandbox died",
    "out_of_memory": "its sandbox ran out of memory",
    "disk": "it filled its disk",
    "refused": "the runner could not begin",
    "service": "a service did not come up",
}


def collect(parts: Parts, lease: Lease, run: Run) -> None:
    """Turn the end of the agent's sandbox into a proposal, or into the run's outcome."""
    if (begun := under_way(parts, run)) is not None:
        with parts.database.read() as tx:
            refuse_if_cancelled(tx, run.id)
        _verify(parts, lease, run, begun)
        return
    run = as_it_works(parts, run)
    with parts.database.read() as tx:
        row = next(row for row in reversed(sandboxes.of_run(tx, run.id)) if row.role == "work")
        all_said = steps.of_sandbox(tx, run.id, row.id)
        before = next((proposal for _, proposal in runs.published_before(tx, run)), None) if goes_on_with_its_own(run) else None
        last_answer = exchanges.last_answer(tx, row.id)
        told = reported(each.report for each in reports.of_run(tx, run.id))
    said = last_turn(all_said)
    end = row.end or SandboxEnd(reason="lost")
    if row.state != "destroyed":
        # The work is in the bundle: nothing of the sandbox is needed any more, and nothing in it may go on.
        dismantle(parts, row)
    with parts.database.read() as tx:
        refuse_if_cancelled(tx, run.id)
    agent = parts.agent(run.profile.agent.uses)
    # A turn that was interrupted may have come to no word of its own.
    last_word = agent.final_message(said) or agent.final_message(all_said)
    unfinished = ""
    if not agent.succeeded(end, said):
        with parts.database.read() as tx:
            end = ended_by_budget(tx, run, end)
        unfinished = f"{run.stopped_by} stopped it" if _was_stopped(run, end) else why_unfinished(end, said)
    result = result_of(
        parts.workspaces.git, parts.settings.state_dir, run, end, row.id, parts.workspaces.mirror(run.event.repo),
        row.assignment.bundle_limit_bytes,
    )
    if result is None:
        trouble = model_trouble(end, last_answer, said, unfinished) if unfinished else None
        if trouble is not None:
            conclude(parts, lease, run, trouble)
        else:
            _conclude_without_change(parts, lease, run, end, told.nothing or last_word, unfinished)
        return
    proposal = propose(parts, run, result.candidate, last_word, unfinished, told, result.dropped, earlier=_warnings(before), merge=result.merge)
    with parts.database.begin() as tx:
        runs.write(tx, lease, candidate=proposal.model_dump_json())
    if run.profile.verify is not None:
        _verify(parts, lease, run, proposal)
        return
    with parts.database.begin() as tx:
        runs.advance(tx, lease, "publishing")
    publish(parts, lease, run)


def _verify(parts: Parts, lease: Lease, run: Run, proposal: Proposal) -> None:
    if not verify(parts, lease, run, proposal):
        with parts.database.begin() as tx:
            runs.advance(tx, lease, "publishing")
        publish(parts, lease, run)


def _conclude_without_change(
    parts: Parts, lease: Lease, run: Run, end: SandboxEnd, said: str, unfinished: str
) -> None:
    if _was_stopped(run, end):
        # Nobody knows what was done in a sandbox whose runner never said.
        what = "It did not end in time; what it had done is lost." if end.by_host else "The agent had changed nothing by then."
        text = f"Stopped, as {run.stopped_by} asked for. {what}"
        conclude(parts, lease, run, Refused(reason="cancelled", text=text))
    elif end.reason == "service":
        conclude(parts, lease, run, Failed(reason="service", text=f"The agent did not begin: {end.text}", who="operator"))
    elif unfinished:
        reason = end.reason if end.reason != "exited" else "agent_failed"
        text = f"The agent did not finish, and changed nothing: {unfinished}"
        conclude(parts, lease, run, Failed(reason=reason, text=text, who="person"))
    elif run.profile.approval.plan and run.profile.workspace == "rw" and not run.profile.keeps_changes:
        conclude(parts, lease, run, held_plan(run, parts.redacted_words(said)))
    elif run.profile.review is not None:
        conclude(parts, lease, run, review(parts, lease, run, said, all_reports(parts, run)))
    elif not run.profile.keeps_changes:
        conclude(parts, lease, run, Message(text=said))
    else:
        conclude(parts, lease, run, NothingToDo(text=said))


def _was_stopped(run: Run, end: SandboxEnd) -> bool:
    return bool(run.stopped_by) and end.reason == "cancelled"


def why_unfinished(end: SandboxEnd, said: list[Step]) -> str:
    """Return in a few words why the agent did not end well: its own error, or else what it wrote last where errors go."""
    errors = [step.text for step in said if step.kind == "error" and step.text.strip()]
    printed = [step.text.strip() for step in said if step.data.get("stream") == "stderr" and step.text.strip()]
    what = ENDS.get(end.reason, f"it ended with exit code {end.exit_code}")
    if end.text:
        what += f" ({end.text})"
    if errors:
        return f"{what}; its last error: {errors[-1]}"
    # Of one that was ended, the last line has nothing to do with it.
    return f"{what}; the last it printed: {printed[-1]}" if end.reason == "exited" and printed else what


def _warnings(published: str | None) -> tuple[Violation, ...]:
    return Proposal.model_validate_json(published).warnings if published else ()


def propose(
    parts: Parts, run: Run, candidate: Candidate, said: str, unfinished: str, told: Reported, dropped: tuple[str, ...] = (), *,
    earlier: tuple[Violation, ...] = (), merge: Merge | None = None,
) -> Proposal:
    """Judge a candidate and make the one commit that may be published. Raises PublishRefused.

    `said` is the agent's last word, in the place of which comes what it proposed as the body, if it did. `dropped` names
    agent configuration that the agent changed and the candidate no longer holds; `earlier` are the warnings of what it is added to.
    """
    said = told.body or said
    verdict = check(candidate.changes, candidate.patch_bytes, run.profile.limits, run.profile.pull_request)
    verdict = verdict.with_dropped(dropped, run.profile.pull_request)
    verdict.enforce()
    # Only now: what is too large is not looked through.
    found = find_secrets(parts.workspaces.git, candidate, parts.known_secrets)
    verdict = verdict.with_secrets(found, run.profile.pull_request)
    verdict.enforce()
    verdict = verdict.with_tests([each.violation for each in touched_tests(candidate.patch, candidate.changes)])
    verdict = verdict.with_earlier(earlier)
    verdict = verdict.with_contradiction(told.nothing)
    if merge is not None:
        git = parts.workspaces.git
        # Not those that the head itself has: somebody may write about markers.
        verdict = verdict.with_conflicts(
            marked_files(git, candidate.git_dir, candidate.head_commit) - marked_files(git, candidate.git_dir, merge.head)
        )
    # What did not end well says it above all else.
    verdict = verdict.with_budget("" if unfinished else told.budget)
    message = commit_message(
        title=parts.redacted(pull_request_title(run, told.title)), body=parts.redacted_words(said), run_id=run.id, requester=run.event.actor, hold_ci=run.profile.ci == "hold"
    )
    commit = make_commit(
        parts.workspaces.git, candidate, message, name="Bellhop", email="bellhop@users.noreply.github.com",
        date_seconds=run.created_at_ms // 1000, merge=merge,
    )
    return Proposal(
        git_dir=candidate.git_dir, commit=commit, base_commit=candidate.base_commit if merge is None else merge.head, tree=candidate.tree, title=told.title, said=said,
        changes=candidate.changes, warnings=verdict.warnings,
        draft=verdict.draft or bool(unfinished) or run.profile.autonomy == "draft",
        unfinished=unfinished, merged=merge.merged if merge is not None else "",
    )
