"""Merging a pull request. The caller holds the lock and has checked who may."""

from __future__ import annotations

from app.emulators.github import issues, pushes, store
from app.emulators.github.problems import Problem
from app.emulators.github.shapes.pull import pull_of
from app.emulators.github.state import Issue, Repository, User
from app.emulators.github.store import Signature
from app.emulators.github.world import World


def merge(world: World, repo: Repository, issue: Issue, actor: User, message: str | None = None) -> str:
    """Merge with a merge commit; return its id. Raises Problem (405 not mergeable, 409 conflict)."""
    pull = pull_of(issue)
    base_sha = store.resolve(repo.path, f"refs/heads/{pull.base_ref}")
    if issue.state != "open" or base_sha is None or pull.draft:
        raise Problem(405, "Pull Request is not mergeable")
    at = world.now()
    who = Signature(actor.name or actor.login, actor.email or f"{actor.login}@users.noreply.github.com", at)
    words = message or f"Merge pull request #{issue.number} from {pull.head_repo.owner.login}/{pull.head_ref}"
    merged = store.merge_commit(repo.path, base_sha, pull.head_sha, message=words, author=who)
    if merged is None:
        raise Problem(409, "Merge conflict")
    ref = f"refs/heads/{pull.base_ref}"
    store.update_ref(repo.path, ref, merged)
    pull.merged_at, pull.merged_by, pull.merge_commit_sha = at, actor, merged
    issues.set_state(world, repo, issue, actor, "closed")
    pushes.moved(world, repo, ref, base_sha, merged, actor)
    return merged
