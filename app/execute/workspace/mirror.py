"""The host's mirror of a repository: its branches, fetched with a read token, never seen by a sandbox."""

from __future__ import annotations

import re
from pathlib import Path

from app.core.event import Repo
from app.errors import WorkspaceError
from app.execute.workspace.locks import locked
from app.execute.workspace.removal import remove_tree
from app.git import Git, Remote

FETCH_TIMEOUT_SECONDS = 1800.0
COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def fetch(git: Git, mirrors: Path, repo: Repo, remote: Remote, wanted: str, pull: int | None = None) -> str:
    """Bring the mirror up to date and return the commit that `wanted` names: a commit, or a branch.

    `pull` brings the head of that pull request too, which may be a fork's: the repository itself holds it. A commit that is there already costs no request. A first fetch that fails leaves nothing behind.
    Raises ServiceError (the remote), WorkspaceError (no such commit or branch; the disk).
    """
    mirror = mirrors / f"{repo.id}.git"
    is_commit = COMMIT.fullmatch(wanted) is not None
    with locked(mirrors / f"{repo.id}.lock", FETCH_TIMEOUT_SECONDS):
        if mirror.is_dir():
            if is_commit and has_commit(git, mirror, wanted):
                return wanted
            _update(git, mirror, remote, pull)
        else:
            _first(git, mirror, remote, pull)
        commit = _resolve(git, mirror, wanted if is_commit else f"refs/heads/{wanted}")
    if commit is None:
        raise WorkspaceError(
            f"{repo.full_name} has no {'commit' if is_commit else 'branch'} {wanted[:100]!r} in any branch (any more). "
            "Was it force-pushed away or deleted? Ring again.", reason="no_such_commit", retryable=False,
        )
    return commit


def has_commit(git: Git, git_dir: Path, commit: str) -> bool:
    """Return whether the commit is in this repository."""
    return _resolve(git, git_dir, commit) == commit


def pin(git: Git, git_dir: Path, commit: str) -> str:
    """Keep a commit from ever being collected, and return the ref that names it. Raises WorkspaceError."""
    ref = f"refs/bellhop/pins/{commit}"
    git.run("update-ref", ref, commit, git_dir=git_dir)
    return ref


def _resolve(git: Git, mirror: Path, name: str) -> str | None:
    found = git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", git_dir=mirror, accept=(0, 1, 128))
    return found.text if found.code == 0 and COMMIT.fullmatch(found.text) else None


def _first(git: Git, mirror: Path, remote: Remote, pull: int | None) -> None:
    growing = mirror.with_suffix(".growing")
    remove_tree(growing)  # what a killed worker left; the lock is ours
    try:
        git.run("init", "--quiet", "--bare", "--template=", str(growing))
        _update(git, growing, remote, pull)
        growing.rename(mirror)
    finally:
        remove_tree(growing)


def _update(git: Git, mirror: Path, remote: Remote, pull: int | None) -> None:
    # Not below refs/heads: what a fork calls its branch is nobody's branch here.
    also = () if pull is None else (f"+refs/pull/{pull:d}/head:refs/bellhop/pulls/{pull:d}",)
    git.run(
        "fetch", "--quiet", "--prune", "--no-tags", "--no-auto-maintenance", "--no-write-fetch-head",
        "--no-recurse-submodules", "--end-of-options", remote.url, "+refs/heads/*:refs/heads/*", *also,
        git_dir=mirror, remote=remote, timeout_seconds=FETCH_TIMEOUT_SECONDS,
    )
