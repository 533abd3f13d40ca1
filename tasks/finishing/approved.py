"""What people have approved goes on: the very commit that was kept is published, or the plan is worked on in the same session."""

from __future__ import annotations

from app.core.deciding.approval import intent_of
from app.core.grant import Credential
from app.core.run import Run
from app.errors import PublishRefused
from app.ledger import remarks, runs
from app.ledger.runs import Lease
from app.publish.keep import take_up
from app.publish.policy import check
from app.publish.proposal import Proposal
from app.publish.secrets import find_secrets
from tasks.deciding.narrowing import narrow
from tasks.finishing.hold import behind
from tasks.finishing.publish import publish
from tasks.finishing.target import goes_on_with_its_own
from tasks.parts import Parts
from tasks.starting.entitle import entitled_grant

# Set once what was approved does not stand where it was looked at any more: the run then works like any other.
ANEW = "anew"
_NAMES_BYTES = 4 << 20


def approved_plan(parts: Parts, run: Run) -> str:
    """Return the plan that was approved for this run, or an empty string. Raises PublishRefused where it is for something else."""
    held = behind(parts, run)
    if held is None or held[2].what != "plan":
        return ""
    hold, earlier, outcome = held
    then, now = earlier.event.pull, run.event.pull
    if hold.binds != intent_of(earlier.event, outcome.text) or (then and then.head_commit) != (now and now.head_commit):
        raise PublishRefused(
            "What was approved is not what would be worked on now: the request, the plan or the pull request is another one. Ring again.",
            reason="not_what_was_approved",
        )
    return outcome.text


def publish_approved(parts: Parts, lease: Lease, run: Run) -> bool:
    """Publish the kept result that this run was started for; False where there is none, or where the work has to be done anew.

    No agent works and no sandbox starts for it. Safe to repeat. Raises PublishRefused, ServiceError, WorkspaceError, LeaseLost.
    """
    held = behind(parts, run)
    if held is None or held[2].what == "plan":
        return False
    hold, earlier, _ = held
    with parts.database.read() as tx:
        candidate = runs.candidate(tx, earlier.id)
        is_anew = ANEW in [name for name, _ in runs.timeline(tx, run.id)]
    if is_anew:
        return False
    if candidate is None or hold.bundle is None:
        raise PublishRefused("What was approved is not kept any more. Ring again.", reason="not_kept")
    proposal = Proposal.model_validate_json(candidate)
    with parts.credential(entitled_grant(parts, run), run_id=run.id) as credential:
        service, repo = parts.service(run.event), run.event.repo
        default = parts.workspaces.fetch(repo, service.clone_url(repo), credential, service.default_branch_head(credential, repo)[1])
        run = narrow(parts, lease, run, default)
        if (why := _moved(parts, credential, run, proposal)):
            with parts.database.begin() as tx:
                runs.mark(tx, run.id, ANEW)
                remarks.add(tx, run.id, f"What was approved ({hold.binds[:12]}) was not published, because {why} since. "
                            "It is done anew, and what comes of that waits for an approval of its own.")
            return False
    approved = _looked_at_again(parts, run, proposal, hold.bundle, is_draft=held[2].draft)
    with parts.database.begin() as tx:
        runs.advance(
            tx, lease, "publishing", host=parts.settings.host_name, base_commit=earlier.base_commit, backend=earlier.backend,
            isolation=earlier.isolation, candidate=approved.model_dump_json(),
        )
        now = runs.load(tx, run.id) or run
    publish(parts, lease, now)
    return True


def _looked_at_again(parts: Parts, run: Run, proposal: Proposal, bundle: bytes, *, is_draft: bool) -> Proposal:
    """Bring the commit back, and judge it as if it came from an agent now: an approval widens nothing."""
    workspaces = parts.workspaces
    candidate, proposal = take_up(
        workspaces.git, parts.settings.state_dir, run.id, bundle, proposal, workspaces.mirror(run.event.repo), run.profile.limits,
    )
    policy = run.profile.pull_request
    verdict = check(candidate.changes, candidate.patch_bytes, run.profile.limits, policy)
    verdict.enforce()
    verdict = verdict.with_secrets(find_secrets(workspaces.git, candidate, parts.known_secrets), policy)
    verdict.enforce()
    return proposal.model_copy(update={"draft": proposal.draft or is_draft or verdict.draft})


def _moved(parts: Parts, credential: Credential, run: Run, proposal: Proposal) -> str:
    """Return how the branch that the result is for has moved away from what was looked at, or an empty string.

    Commits that touch none of the result's files leave it what it was.
    """
    service, repo, pull = parts.service(run.event), run.event.repo, run.event.pull
    url = service.clone_url(repo)
    if pull is not None:
        head, branch = service.pull_request(credential, repo, pull.number).head_commit, f"pull request #{pull.number}"
        parts.workspaces.fetch(repo, url, credential, head, pull.number)
        if goes_on_with_its_own(run) and head != proposal.base_commit:
            return f"{branch} has moved"
    else:
        branch, head = run.profile.branch or "", f"refs/heads/{run.profile.branch}"
        if not branch:
            branch, head = service.default_branch_head(credential, repo)
        head = parts.workspaces.fetch(repo, url, credential, head)
    if head == proposal.base_commit:
        return ""
    git, mirror = parts.workspaces.git, parts.workspaces.mirror(repo)
    if git.run("cat-file", "-e", f"{proposal.base_commit}^{{commit}}", git_dir=mirror, accept=(0, 1, 128)).code != 0:
        return f"{branch} was rewritten"
    if git.run("merge-base", "--is-ancestor", proposal.base_commit, head, git_dir=mirror, accept=(0, 1)).code != 0:
        return f"{branch} was rewritten"
    named = git.run(
        "diff-tree", "-r", "-z", "--name-only", "--no-renames", proposal.base_commit, head, git_dir=mirror, limit_bytes=_NAMES_BYTES, may_truncate=True,
    )
    changed = {name.decode("utf-8", "replace") for name in named.stdout.split(b"\0")}
    if named.truncated or not changed.isdisjoint(change.path for change in proposal.changes):
        return f"{branch} has changed files of it"
    return ""
