"""Putting the one commit on the one branch, by compare-and-swap, looking first what is there."""

from __future__ import annotations

import re
from pathlib import Path

from app.core.grant import Credential
from app.core.noun import Noun
from app.errors import PublishRefused, ServiceError
from app.git import Git, Remote
from app.publish.commit import RUN_TRAILER

_BRANCH = re.compile(r"bellhop/[a-z0-9]{1,40}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_THEIRS_REF = "refs/bellhop/theirs"
_TIMEOUT_SECONDS = 300.0


class RemoteBranch(Noun):
    """What stands at a branch: its commit, and the run that this commit says it is of; both None for no branch."""

    commit: str | None = None
    run_id: str | None = None


def standing_at(git: Git, git_dir: Path, clone_url: str, branch: str, credential: Credential | None) -> str | None:
    """Return the commit at `branch`, or None for no branch; fetches nothing. Raises ServiceError, PublishRefused."""
    ref = _checked(branch)
    listed = git.run(
        "ls-remote", "--refs", "--end-of-options", clone_url, ref, git_dir=git_dir, remote=_remote(clone_url, credential)
    )
    entries = (entry.partition("\t") for entry in listed.text.splitlines())
    return next((commit for commit, _, name in entries if name == ref), None)


def remote_branch(git: Git, git_dir: Path, clone_url: str, branch: str, credential: Credential | None) -> RemoteBranch:
    """Look up what stands at `branch`. Raises ServiceError, PublishRefused (not a branch of Bellhop's)."""
    ref = _checked(branch)
    remote = _remote(clone_url, credential)
    if standing_at(git, git_dir, clone_url, branch, credential) is None:
        return RemoteBranch()
    git.run(
        "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules",
        "--end-of-options", clone_url, f"+{ref}:{_THEIRS_REF}", git_dir=git_dir, remote=remote, timeout_seconds=_TIMEOUT_SECONDS,
    )
    commit = git.run("rev-parse", "--verify", _THEIRS_REF, git_dir=git_dir).text
    return RemoteBranch(commit=commit, run_id=run_of(git, git_dir, commit))


def run_of(git: Git, git_dir: Path, commit: str) -> str | None:
    """Return the run that a commit's trailer names, or None."""
    said = git.run(
        "show", "--no-patch", "--no-show-signature", f"--format=%(trailers:key={RUN_TRAILER},valueonly)", commit, git_dir=git_dir
    )
    return said.text.splitlines()[-1].strip() if said.text else None


def refuse_if_moved(
    git: Git, git_dir: Path, clone_url: str, branch: str, credential: Credential | None, expected: str | None
) -> None:
    """Raise PublishRefused `branch_moved` where `push` would for a run that has pushed nothing. Raises also ServiceError."""
    if standing_at(git, git_dir, clone_url, branch, credential) not in (None, expected):
        raise _moved(branch)


def push(
    git: Git, git_dir: Path, commit: str, clone_url: str, branch: str, credential: Credential | None,
    expected: str | None = None,
) -> str:
    """Make `branch` stand at `commit` and return what it stands at; doing it twice pushes once.

    It is done already when the branch stands at this commit, or at another one of the same run. A branch that
    is not there is made; one that stands at `expected` (what an earlier run of this case published) is moved.
    Anything else is somebody's work and stays: PublishRefused `branch_moved`. Raises also PublishRefused
    `push_rejected` (a rule of the repository), ServiceError.
    """
    ref = _checked(branch)
    if not _COMMIT.fullmatch(commit):
        raise PublishRefused(f"{commit[:80]!r} is no commit that could be published.", reason="bad_head")
    found = remote_branch(git, git_dir, clone_url, branch, credential)
    ours = run_of(git, git_dir, commit)
    if found.commit is not None and (found.commit == commit or (ours is not None and found.run_id == ours)):
        return found.commit
    if found.commit is not None and found.commit != expected:
        raise _moved(branch)
    answer = git.run(
        "push", "--porcelain", "--no-verify", "--no-follow-tags", "--recurse-submodules=no",
        f"--force-with-lease={ref}:{found.commit or ''}", "--end-of-options", clone_url, f"{commit}:{ref}",
        git_dir=git_dir, remote=_remote(clone_url, credential), timeout_seconds=_TIMEOUT_SECONDS, accept=(0, 1),
    )
    if answer.code == 0:
        return commit
    rejected = re.search(r"^!\t[^\t]*\t\[(?:remote )?rejected\] \((.*)\)$", answer.text, re.MULTILINE)
    if rejected is None:
        raise ServiceError(f"the push of {branch} failed: {(answer.stderr or answer.text)[-500:]}", reason="push_failed")
    why = rejected.group(1)
    standing = remote_branch(git, git_dir, clone_url, branch, credential)
    if standing.commit is not None and ours is not None and standing.run_id == ours:
        return standing.commit
    if standing.commit != found.commit or any(sign in why for sign in ("stale info", "cannot lock ref", "already exists")):
        raise _moved(branch)
    raise PublishRefused(
        f"The repository did not take the branch {branch}: {_remarks(answer.stderr) or why[:300]}. Somebody who looks after the repository's rules "
        "(or the App's permissions) must allow it.", reason="push_rejected",
    )


def _remarks(stderr: str) -> str:
    """Return what the other side said, which names the rule; the status line only says that a hook declined."""
    said = (entry.removeprefix("remote:").strip() for entry in stderr.splitlines() if entry.startswith("remote:"))
    return " ".join(filter(None, said))[:300]


def _moved(branch: str) -> PublishRefused:
    return PublishRefused(
        f"Somebody else has committed to {branch}, so it was left as it is. Merge or delete that branch first.",
        reason="branch_moved",
    )


def _checked(branch: str) -> str:
    # The last line before the outside: whatever went wrong above, no other ref is ever named in a push.
    if not _BRANCH.fullmatch(branch):
        raise PublishRefused(f"{branch[:80]!r} is no branch that Bellhop may push.", reason="wrong_branch")
    return f"refs/heads/{branch}"


def _remote(clone_url: str, credential: Credential | None) -> Remote:
    return Remote(url=clone_url, token=credential.token if credential else None)
