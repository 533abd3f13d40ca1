"""The last part of finishing: push the one branch, open the one pull request, say so in the thread."""

from __future__ import annotations

from app.core.grant import Credential
from app.core.line.budget import cost_in_words
from app.core.outcome import PullRequest, VerifyResult
from app.core.run import Run
from app.core.showing.reply import thread_in
from app.errors import BellhopError, PublishRefused, ServiceError
from app.ledger import exchanges, results, runs, sandboxes
from app.ledger.runs import PUSHING, Lease
from app.ports import Service
from app.publish.describe import Work, render_pull_request
from app.publish.proposal import Proposal
from app.publish.push import push
from app.publish.workflows import read_workflows
from tasks.deciding.rights import refuse_if_lost, role_now
from tasks.finishing.conclude import conclude, dismantle, refuse_if_cancelled
from tasks.finishing.hold import approved_commit, hold, refuse_unapproved, verified_before, why_held
from tasks.finishing.merging import merge_when_green
from tasks.finishing.target import BRANCHES, expected_at, refuse_one_too_many, standing_base
from tasks.finishing.verify import verified
from tasks.grants import publish_grant
from tasks.leased import LEASE_SECONDS, fence
from tasks.parts import Parts
from tasks.replying.replies import denied_of
from tasks.starting.ci_report import passed_since


def publish(parts: Parts, lease: Lease, run: Run) -> None:
    """Publish the run's proposal; every outside write is looked up first, so that doing it twice gives one."""
    with parts.database.read() as tx:
        candidate = runs.candidate(tx, run.id)
        rows = [row for row in sandboxes.of_run(tx, run.id) if row.state != "destroyed"]
        before = runs.published_before(tx, run)
    if candidate is None:
        raise BellhopError(f"run {run.id} has nothing on file to publish", reason="no_proposal")
    proposal = Proposal.model_validate_json(candidate)
    expected = expected_at(run, before)
    made = verified_before(parts, run)
    verify = made[0] if made is not None else verified(parts, run)
    for row in rows:
        dismantle(parts, row)
    fence(parts, lease)
    with parts.database.read() as tx:
        is_under_way = PUSHING in [name for name, _ in runs.timeline(tx, run.id)]
    if not is_under_way and (passed := passed_since(parts, run)) is not None:
        conclude(parts, lease, run, passed)
        return
    if (what := why_held(run, proposal, approved_commit(parts, run))) is not None:
        hold(parts, lease, run, proposal, verify, what)
        return
    outcome = _publish(parts, lease, run, proposal, verify, expected)
    conclude(parts, lease, run, outcome)


def _publish(
    parts: Parts, lease: Lease, run: Run, proposal: Proposal, verify: VerifyResult | None, expected: str | None
) -> PullRequest:
    service = parts.service(run.event)
    refuse_unapproved(run, proposal, approved_commit(parts, run))
    with parts.credential(publish_grant(run.event), run_id=run.id) as credential:
        refuse_if_lost(role_now(parts, credential, run.event, run.profile), run.event, run.profile, "nothing was published")
        with parts.database.read() as tx:
            run = runs.load(tx, run.id) or run
            is_under_way = PUSHING in [name for name, _ in runs.timeline(tx, run.id)]
        base = standing_base(parts, credential, run, proposal, is_under_way=is_under_way)
        if not is_under_way:
            refuse_one_too_many(service.open_branches(credential, run.event.repo, BRANCHES), run)
        while True:
            # Whoever said stop when the agent had ended already, or just before it did, wants to look at it first.
            draft = proposal.draft or bool(run.stopped_by) or (verify is not None and not verify.passed)
            if draft and not is_under_way:
                _hold_as_draft(service, credential, run)
            if not is_under_way and expected is not None:
                # What GitHub was told of an earlier commit does not hold for this one.
                service.stop_merging(credential, run.event.repo, run.branch)
            title, body = _describe(parts, run, proposal, verify, base)
            with parts.database.begin() as tx:
                # The last look before the outside: a worker that was overtaken, or a run that was cancelled, stops here.
                runs.renew(tx, lease, LEASE_SECONDS)
                if not is_under_way:
                    refuse_if_cancelled(tx, run.id)
                now = runs.load(tx, run.id) or run
                # Nobody says stop any more once the mark stands (route), and only once before: this ends.
                if is_under_way or now.stopped_by == run.stopped_by:
                    runs.mark(tx, run.id, PUSHING)
                    break
            run = now
        standing = push(
            parts.workspaces.git, proposal.git_dir, proposal.commit, service.clone_url(run.event.repo), run.branch,
            credential, expected,
        )
        if standing != proposal.commit:
            # It bears this run's trailer, but a run's id is in its comment for anybody to copy.
            raise PublishRefused(
                f"Somebody else has put a commit of this run on {run.branch}, and it is not the one that was checked, so it "
                "was left alone. Delete that branch first.", reason="branch_moved",
            )
        fence(parts, lease)
        url, number, is_draft = service.ensure_pull_request(
            credential, run.event.repo, branch=run.branch, base=base, title=title, body=body, draft=draft,
            labels=run.profile.pull_request.labels,
        )
        merging = merge_when_green(service, credential, run, number, proposal.commit, verify, is_draft=is_draft or draft)
    with parts.database.begin() as tx:
        # What is said in the pull request is about the same case from now on.
        runs.alias(tx, thread_in(run.event.repo.full_name, number), run.case_id)
        results.opened(tx, run, number, proposal.commit)
    return PullRequest(
        url=url, number=number, branch=run.branch, title=title, draft=is_draft, verify=verify, merging=merging,
        warnings=tuple(warning.text for warning in proposal.warnings),
    )


def _hold_as_draft(service: Service, credential: Credential, run: Run) -> None:
    """Make the branch's pull request a draft before anything unfinished or failed is pushed to it.

    Raises PublishRefused where the service will not, ServiceError where it may yet.
    """
    try:
        service.hold_as_draft(credential, run.event.repo, run.branch)
    except ServiceError as error:
        if error.retryable:
            raise
        raise PublishRefused(
            f"This result is for a draft only, and the pull request of {run.branch}, which is ready for review, could not be made one, so "
            f"nothing was published: {error}. Make it a draft and ring again.", reason="not_a_draft",
        ) from error


def _describe(
    parts: Parts, run: Run, proposal: Proposal, verify: VerifyResult | None, base: str
) -> tuple[str, str]:
    made = verified_before(parts, run)
    worked = run.id if made is None else made[1].id
    with parts.database.read() as tx:
        used = exchanges.usage(tx, worked)
        rows = sandboxes.of_run(tx, worked)
        denied = denied_of(tx, parts, worked)
        issues = [each.event.number for each in runs.before(tx, run) if not each.event.is_pull_request]
    agent_ms = next((row.end.duration_ms for row in rows if row.role == "work" and row.end is not None), None)
    work = Work(
        model=run.profile.agent.model, steps=used.exchanges or None, input_tokens=used.input_tokens or None,
        output_tokens=used.output_tokens or None, duration_ms=agent_ms,
        cost=cost_in_words(used.cost_micro_usd, used.turns, used.unpriced),
    )
    if verify is not None:
        verify = verify.model_copy(update={"tail": parts.redacted_words(verify.tail)})
    title, body = render_pull_request(
        run, changes=proposal.changes, work=work, agent_title=proposal.title, agent_text=parts.redacted_words(proposal.said), verify=verify, warnings=proposal.warnings,
        unfinished=parts.redacted_words(proposal.unfinished), settings_url=parts.settings.link_url,
        templates_dir=parts.settings.templates_dir, base=base, base_commit=proposal.base_commit or run.base_commit or "", merged=proposal.merged,
        workflows=read_workflows(parts.workspaces.git, proposal.git_dir, proposal.commit), denied=denied,
        issue=issues[-1] if issues else None,
    )
    return parts.redacted(title), parts.redacted(body)
