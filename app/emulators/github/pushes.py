"""What follows when branches move: the `push` event, and the pull requests of those branches."""

from __future__ import annotations

from app.emulators.github import pulls, store, trees, workflows
from app.emulators.github.shapes.account import Json
from app.emulators.github.shapes.commit import account_of
from app.emulators.github.state import Activity, Repository, User
from app.emulators.github.store import NO_COMMIT, Commit, Signature
from app.emulators.github.webhooks import tell
from app.emulators.github.world import World, iso


def moved(world: World, repo: Repository, ref: str, before: str, after: str, pusher: User) -> None:
    """Tell the App that `ref` went from `before` to `after` (NO_COMMIT: it was not there). The caller holds the lock."""
    if before == after or not ref.startswith(("refs/heads/", "refs/tags/")):
        return
    repo.pushed_at = world.now()
    deleted, created = after == NO_COMMIT, before == NO_COMMIT
    commits: list[Commit] = []
    if not deleted and ref.startswith("refs/heads/"):
        default = store.resolve(repo.path, f"refs/heads/{repo.default_branch}") or NO_COMMIT
        since = before if not created else default if default != after else NO_COMMIT
        commits = [store.read_commit(repo.path, sha) for sha in store.commits_between(repo.path, since, after)]
    forced = not created and not deleted and not store.is_ancestor(repo.path, before, after)
    kind = "branch_creation" if created else "branch_deletion" if deleted else "force_push" if forced else "push"
    repo.activity.append(Activity(world.state.new_id(), ref, before, after, kind, pusher, world.now()))
    web = world.repo_web(repo)
    tell(world, "push", None, repo, pusher, {
        "ref": ref,
        "before": before,
        "after": after,
        "created": created,
        "deleted": deleted,
        "forced": forced,
        "base_ref": None,
        "compare": f"{web}/compare/{before[:12]}...{after[:12]}",
        "commits": [_commit(world, repo, commit) for commit in commits],
        "head_commit": None if deleted else _commit(world, repo, store.read_commit(repo.path, after)),
        "pusher": {"name": pusher.login, "email": pusher.email},
    })
    if ref.startswith("refs/heads/") and not deleted:
        workflows.pushed(world, repo, ref.removeprefix("refs/heads/"), after, pusher, created=created)
    if ref.startswith("refs/heads/"):
        pulls.head_moved(world, repo, ref.removeprefix("refs/heads/"), before, after, pusher)


def _commit(world: World, repo: Repository, commit: Commit) -> Json:
    changed = trees.changes(repo.path, commit.parents[0], commit.sha) if commit.parents else []
    if not commit.parents:
        added = trees.all_files(repo.path, commit.sha)
    else:
        added = [change.filename for change in changed if change.status in ("added", "renamed", "copied")]
    removed = [change.previous_filename or change.filename for change in changed if change.status in ("removed", "renamed")]
    return {
        "id": commit.sha,
        "tree_id": commit.tree,
        "distinct": True,
        "message": commit.message,
        "timestamp": iso(commit.committer.at),
        "url": f"{world.repo_web(repo)}/commit/{commit.sha}",
        "author": _person(world, commit.author),
        "committer": _person(world, commit.committer),
        "added": added,
        "removed": removed,
        "modified": [change.filename for change in changed if change.status == "modified"],
    }


def _person(world: World, signature: Signature) -> Json:
    account = account_of(world, signature)
    shape = {"name": signature.name, "email": signature.email}
    return shape if account is None else {**shape, "username": account.login}
