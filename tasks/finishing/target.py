"""Where a result may go: the branch that it is proposed for, as it stands now, and whether there is room for one more."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from app.core.grant import Credential
from app.core.run import Run
from app.errors import PublishRefused, WorkspaceError
from app.publish.proposal import Proposal
from tasks.parts import Parts

BRANCHES = "bellhop/"


def standing_base(parts: Parts, credential: Credential, run: Run, proposal: Proposal, *, is_under_way: bool) -> str:
    """Return the branch to propose for, by its name of now: a default branch may have been renamed.

    Raises PublishRefused when what the run worked on is no part of it any more, unless the push is under way already;
    ServiceError, WorkspaceError.
    """
    service, repo, pull = parts.service(run.event), run.event.repo, run.event.pull
    base_commit = proposal.base_commit or run.base_commit or ""
    if pull is None and run.profile.branch is not None:
        branch = run.profile.branch
        head = _head_of(parts, credential, run, branch)
        is_right = is_under_way or (bool(head) and _holds(parts, credential, run, head, base_commit))
    elif pull is None:
        branch, head = service.default_branch_head(credential, repo)
        is_right = is_under_way or _holds(parts, credential, run, head, base_commit)
    else:
        now = service.pull_request(credential, repo, pull.number)
        is_own = pull.head_ref == run.branch
        branch, head = now.base_ref if is_own else now.head_ref, now.head_commit
        if is_own:
            # On its own branch Bellhop replaces nothing that it has not seen.
            is_right = is_under_way or head == base_commit
        else:
            is_right = now.head_repo_id == repo.id and (
                is_under_way or (now.state == "open" and _holds(parts, credential, run, head, base_commit))
            )
    if not is_right:
        raise PublishRefused(
            f"While the agent worked, {branch} was deleted, closed, or rewritten so that it does not hold the commit any more that "
            f"the run began with ({base_commit[:12]}), so nothing was published. Ring again to have it done on what is there now.",
            reason="base_moved",
        )
    return branch


def goes_on_with_its_own(run: Run) -> bool:
    """Return whether a run works at the head of its own case's pull request, so that its result is added to that."""
    pull = run.event.pull
    return pull is not None and pull.head_ref == run.branch and not run.event.is_from_fork


def expected_at(run: Run, published: Sequence[tuple[Run, str]]) -> str | None:
    """Return the commit that the run's branch may stand at: what was looked at, or what an earlier run has published.

    `published` are the case's earlier runs that have, newest first, and their proposals as they are on file. None where the
    newest of them went on with a commit of somebody else's: a run that begins anew would replace that too.
    """
    pull = run.event.pull
    if pull is not None and goes_on_with_its_own(run):
        # Also what people have put there since: the result stands on it, and replaces nothing.
        return pull.head_commit
    commits = {Proposal.model_validate_json(proposal).commit: earlier for earlier, proposal in published}
    if not commits:
        return None
    newest, standing = next(iter(commits.items()))
    while goes_on_with_its_own(standing) and standing.event.pull is not None:
        below = commits.pop(standing.event.pull.head_commit, None)
        if below is None:
            return None
        standing = below
    return newest


def refuse_one_too_many(standing: AbstractSet[str], run: Run) -> None:
    """Raise PublishRefused when a new pull request would be one more than the profile allows to be open."""
    most = run.profile.limits.max_open_pull_requests
    if run.branch not in standing and len(standing) >= most:
        raise PublishRefused(
            f"{run.event.repo.full_name} has {len(standing)} open pull requests of Bellhop's, and the profile allows {most}, so "
            "nothing was published. Merge or close some and ring again, or have `limits: max-open-pull-requests:` raised.",
            reason="too_many_pull_requests",
        )


def _head_of(parts: Parts, credential: Credential, run: Run, branch: str) -> str:
    """Return where a branch stands now, or an empty string where there is none of that name any more."""
    repo = run.event.repo
    try:
        return parts.workspaces.fetch(repo, parts.service(run.event).clone_url(repo), credential, f"refs/heads/{branch}")
    except WorkspaceError as error:
        if error.reason != "no_such_commit":
            raise
        return ""


def _holds(parts: Parts, credential: Credential, run: Run, head: str, commit: str) -> bool:
    """Return whether a branch's head has the commit in its history."""
    if head == commit:
        return True
    repo = run.event.repo
    parts.workspaces.fetch(repo, parts.service(run.event).clone_url(repo), credential, head)
    answer = parts.workspaces.git.run(
        "merge-base", "--is-ancestor", commit, head, git_dir=parts.workspaces.mirror(repo), accept=(0, 1)
    )
    return answer.code == 0
