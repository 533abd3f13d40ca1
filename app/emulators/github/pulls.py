"""What can happen to a pull request beyond its conversation. The caller holds the lock and has checked who may."""

from __future__ import annotations

from app.emulators.github import issues, store
from app.emulators.github.problems import invalid, refused
from app.emulators.github.shapes.pull import pull_of
from app.emulators.github.state import Issue, Pull, Repository, User
from app.emulators.github.world import World


def create(
    world: World, repo: Repository, author: User, *, title: str, head: str, base: str, body: str | None = None,
    draft: bool = False, via_app: bool = False,
) -> Issue:
    """Open a pull request of `head` (`branch`, or `owner:branch` for a fork) into `base`. Raises Problem (422)."""
    if not title.strip():
        raise invalid("PullRequest", "title", "missing_field")
    head_repo, head_ref = _head(world, repo, head)
    base_sha = store.resolve(repo.path, f"refs/heads/{base}")
    if base_sha is None:
        raise invalid("PullRequest", "base", "invalid")
    head_sha = store.resolve(head_repo.path, f"refs/heads/{head_ref}")
    if head_sha is None:
        raise invalid("PullRequest", "head", "invalid")
    for other in repo.issues.values():
        pull = other.pull
        if pull and other.state == "open" and (pull.head_repo, pull.head_ref, pull.base_ref) == (head_repo, head_ref, base):
            raise refused("PullRequest", f"A pull request already exists for {head_repo.owner.login}:{head_ref}.")
    number = len(repo.issues) + 1
    _show_head(repo, number, head_repo, head_ref)
    if not store.commits_between(repo.path, base_sha, head_sha, limit=1):
        store.update_ref(repo.path, f"refs/pull/{number}/head", store.NO_COMMIT)
        raise refused("PullRequest", f"No commits between {_name(repo, head_repo, repo, base)} and "
                      f"{_name(repo, head_repo, head_repo, head_ref)}")
    now = world.now()
    issue = Issue(
        id=world.state.new_id(), number=number, title=title, body=body, user=author, created_at=now, updated_at=now,
        via_app=via_app,
        pull=Pull(
            id=world.state.new_id(), head_repo=head_repo, head_ref=head_ref, head_sha=head_sha, base_ref=base,
            base_sha=base_sha, draft=draft,
        ),
    )
    repo.issues[number] = issue
    issues.tell_issue(world, repo, issue, "opened", author)
    return issue


def retarget(world: World, repo: Repository, issue: Issue, actor: User, base: str) -> None:
    """Change the base branch. Raises Problem (422) when there is no such branch."""
    pull = pull_of(issue)
    sha = store.resolve(repo.path, f"refs/heads/{base}")
    if sha is None:
        raise invalid("PullRequest", "base", "invalid")
    if base != pull.base_ref:
        changes = {"base": {"ref": {"from": pull.base_ref}, "sha": {"from": pull.base_sha}}}
        pull.base_ref, pull.base_sha = base, sha
        issues.tell_issue(world, repo, issue, "edited", actor, {"changes": changes})


def to_draft(world: World, repo: Repository, issue: Issue, actor: User) -> None:
    """Make a pull request a draft; one that is a draft already stays one."""
    pull = pull_of(issue)
    if not pull.draft:
        pull.draft = True
        issue.updated_at = world.now()
        issues.tell_issue(world, repo, issue, "converted_to_draft", actor)


def head_moved(world: World, repo: Repository, branch: str, before: str, after: str, actor: User) -> None:
    """Bring the open pull requests of a pushed branch up to date; a deleted branch closes them."""
    for target in list(world.state.repositories.values()):
        for issue in list(target.issues.values()):
            pull = issue.pull
            if pull is None or issue.state != "open" or pull.head_repo is not repo or pull.head_ref != branch:
                continue
            if after == store.NO_COMMIT:
                issues.set_state(world, target, issue, actor, "closed")
                continue
            _show_head(target, issue.number, repo, branch)
            pull.head_sha = after
            issue.updated_at = world.now()
            issues.tell_issue(world, target, issue, "synchronize", actor, {"before": before, "after": after})


def _head(world: World, repo: Repository, head: str) -> tuple[Repository, str]:
    owner, colon, branch = head.rpartition(":")
    if not colon or owner.lower() == repo.owner.login.lower():
        return repo, branch
    for found in world.state.repositories.values():
        if found.fork_of is repo and found.owner.login.lower() == owner.lower():
            return found, branch
    raise invalid("PullRequest", "head", "invalid")


def _name(base_repo: Repository, head_repo: Repository, repo: Repository, branch: str) -> str:
    return branch if base_repo is head_repo else f"{repo.owner.login}:{branch}"


def _show_head(repo: Repository, number: int, head_repo: Repository, head_ref: str) -> None:
    """Keep `refs/pull/N/head` in the base repository, as GitHub does; it holds a fork's commits too."""
    store.fetch(repo.path, head_repo.path, f"+refs/heads/{head_ref}:refs/pull/{number}/head")
