"""From an agent's bundle to a Candidate, through two bare repositories that no agent can write.

Git 2.39 checks nothing of a bundle's objects on the way in, so the first repository only receives them, and the second
fetches them from there over `file://` with `transfer.fsckObjects`. Both borrow the mirror's objects, so what
travels, and what is checked, is what the agent made. Nothing is ever checked out here.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from app.core.profile import Limits
from app.errors import PublishRefused, WorkspaceError
from app.git import Git
from app.publish.bundle import check_header, refused, take
from app.publish.candidate import Candidate, read_candidate

BASE_REF = "refs/bellhop/base"
HEAD_REF = "refs/bellhop/head"
_RUN_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,80}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_TIMEOUT_SECONDS = 300.0


def import_bundle(
    git: Git, state_dir: Path, run_id: str, bundle: Path, mirror: Path, base_commit: str, head_commit: str, *,
    limits: Limits, bundle_limit_bytes: int = 64 << 20,
) -> Candidate | None:
    """Take the claimed `head_commit` out of a bundle and return what it would change; None when that is nothing.

    Safe to repeat: what an earlier attempt left is thrown away first. Raises PublishRefused (what is in the bundle),
    WorkspaceError (this host: the mirror lacks the base, the disk is full).
    """
    if not _RUN_ID.fullmatch(run_id) or not _COMMIT.fullmatch(head_commit) or not _COMMIT.fullmatch(base_commit):
        raise refused("it does not name a commit", "bad_head")
    place = state_dir / "quarantine" / run_id
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True, mode=0o700)
    try:
        taken = place / "bundle"
        take(bundle, taken, bundle_limit_bytes)
        check_header(taken)
        received, checked = place / "received.git", place / "checked.git"
        _borrow(git, received, mirror, base_commit)
        _borrow(git, checked, mirror, base_commit)
        _receive(git, received, taken, base_commit, head_commit)
        _check(git, received, checked, head_commit)
        taken.unlink()
        shutil.rmtree(received)
        if _tree(git, checked, head_commit) == _tree(git, checked, base_commit):
            shutil.rmtree(place)
            return None
        return read_candidate(git, checked, base_commit, head_commit, limits.max_patch_kb * 1024)
    except PublishRefused:
        shutil.rmtree(place, ignore_errors=True)
        raise
    except WorkspaceError as error:
        if error.reason == "git_timeout":
            shutil.rmtree(place, ignore_errors=True)
            raise refused("looking through it takes too long", "bundle_too_costly") from error
        raise


def _borrow(git: Git, repository: Path, mirror: Path, base_commit: str) -> None:
    git.run("init", "--quiet", "--bare", "--template=", str(repository))
    (repository / "objects" / "info").mkdir(exist_ok=True)
    (repository / "objects" / "info" / "alternates").write_text(f"{mirror.resolve()}/objects\n", encoding="utf-8")
    git.run("update-ref", BASE_REF, base_commit, git_dir=repository)


def _receive(git: Git, received: Path, bundle: Path, base_commit: str, head_commit: str) -> None:
    """Unpack the objects; the bundle's own refs, whatever they are called, are not looked at."""
    _hostile(git, "it cannot be unpacked", "bad_bundle", "bundle", "unbundle", str(bundle), git_dir=received)
    kind = git.run("cat-file", "-t", head_commit, git_dir=received, accept=(0, 1, 128), caged=True)
    if kind.code != 0 or kind.text != "commit":
        raise refused("the commit that it is said to hold is not in it", "bad_head")
    ancestor = git.run(
        "merge-base", "--is-ancestor", base_commit, head_commit, git_dir=received, accept=(0, 1, 128), caged=True
    )
    if ancestor.code != 0:
        raise refused("it does not build on the commit that the run started from", "base_not_ancestor")
    git.run("update-ref", HEAD_REF, head_commit, git_dir=received)


def _check(git: Git, received: Path, checked: Path, head_commit: str) -> None:
    _hostile(
        git, "git's own check of its objects failed", "bad_objects", "fetch", "--quiet", "--no-tags", "--no-write-fetch-head",
        "--no-auto-maintenance", "--no-recurse-submodules", "--end-of-options", f"file://{received}", f"{HEAD_REF}:{HEAD_REF}",
        git_dir=checked, config={"transfer.fsckObjects": "true", "fetch.fsckObjects": "true"},
    )
    if git.run("rev-parse", "--verify", HEAD_REF, git_dir=checked).text != head_commit:
        raise refused("the commit that it is said to hold is not what came", "bad_head")


def _hostile(
    git: Git, why: str, reason: str, *arguments: str, git_dir: Path, config: dict[str, str] | None = None
) -> None:
    """Run git over an agent's objects: what fails is refused, unless it is this host that failed."""
    try:
        git.run(
            *arguments, git_dir=git_dir, config=config, local_protocol=True, timeout_seconds=_TIMEOUT_SECONDS, caged=True,
            limit_bytes=8 << 20,
        )
    except WorkspaceError as error:
        if error.reason == "git_timeout" or "No space left on device" in str(error):
            raise
        raise refused(f"{why} ({error})", reason) from error


def _tree(git: Git, git_dir: Path, commit: str) -> str:
    return git.run("rev-parse", "--verify", f"{commit}^{{tree}}", git_dir=git_dir).text
