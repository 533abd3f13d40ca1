"""The agent's result as a git bundle of `base..HEAD`, made after the agent and all its processes are gone."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from .git import Git, ignoring_litter, last_words

COMMIT_MESSAGE = "Work left uncommitted by the agent"


class ResultFailed(Exception):
    """What came to be is no result."""


@dataclass(frozen=True)
class Result:
    """What the agent left: HEAD, the bundle's file if it changes anything, and what git could not add."""

    head_commit: str
    bundle: Path | None = None
    size_bytes: int = 0
    left_out: str = ""


class Collector:
    """Makes the result of one workspace."""

    def __init__(self, git: Git, home: str) -> None:
        self._git = git
        self._home = home

    def collect(self, base_commit: str) -> Result:
        """Commit what is uncommitted and bundle what differs from the base. Raises GitFailed, OSError."""
        # New, under a name nobody knew: of a pipe that the agent put where we write, the opening would never come back.
        self._scratch = Path(tempfile.mkdtemp(prefix="result-", dir=self._home))
        # What held it is dead, and git would wait for it in vain.
        (Path(self._git.workspace) / ".git" / "index.lock").unlink(missing_ok=True)
        left_out = self._commit_rest()
        run = self._git.run
        head = run("rev-parse", "--verify", "HEAD^{commit}")
        if run("rev-parse", "HEAD^{tree}") == run("rev-parse", f"{base_commit}^{{tree}}"):
            return Result(head, left_out=left_out)
        if not self._git.succeeds("merge-base", "--is-ancestor", base_commit, head):
            # The agent rewrote or replaced history: its files still are the result, as one commit on the base.
            head = run("commit-tree", "HEAD^{tree}", "-p", base_commit, "-m", COMMIT_MESSAGE)
            run("update-ref", "--no-deref", "HEAD", head)
        bundle = self._scratch / "result.bundle"
        run("bundle", "create", "--quiet", str(bundle), f"{base_commit}..HEAD")
        return Result(head, bundle, bundle.stat().st_size, left_out)

    def _commit_rest(self) -> str:
        """Commit what is uncommitted; return git's words on files that it could not add."""
        ignoring = ignoring_litter(self._scratch)
        # One file that cannot be added (a repository without a commit inside this one) must not cost all the others.
        added = self._git.call((*ignoring, "add", "--all", "--ignore-errors"))
        if not self._git.succeeds("diff", "--cached", "--quiet", "--no-ext-diff", "HEAD"):
            self._git.run("commit", "--quiet", "--no-verify", "-m", COMMIT_MESSAGE)
        return "" if added.returncode == 0 else last_words(added)
