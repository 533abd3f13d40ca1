"""A workspace where an earlier run has left its files, brought to the checkout's commit before the agent begins."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .git import LITTER, Git, GitFailed, ignoring_litter


def tidy(git: Git, home: str, leaves_out: Sequence[str]) -> None:
    """Make every tracked file what HEAD says, and leave beside them only what git ignores, without names in `leaves_out`.

    `.git` is of a fresh checkout; all else may be anything that an agent has made. Raises GitFailed, OSError.
    """
    try:
        _tidy(git, home, leaves_out)
    except GitFailed:
        _open_directories(git.workspace)
        _tidy(git, home, leaves_out)


def _tidy(git: Git, home: str, leaves_out: Sequence[str]) -> None:
    # What the index knows of size and time would be believed of files that an agent has written: an index that knows nothing has
    # each one compared by what is in it, and only what differs is written.
    git.run("read-tree", "HEAD")
    git.succeeds("update-index", "-q", "--refresh")
    git.run("reset", "--quiet", "--hard", "HEAD")
    with tempfile.TemporaryDirectory(prefix="tidy-", dir=home) as scratch:
        # `-ff`: a repository inside this one is no exception.
        git.run(*ignoring_litter(Path(scratch)), "clean", "--quiet", "-ffd")
    if leaves_out:
        litter = [part for pattern in LITTER for part in ("-e", pattern)]
        # The second form is for directories, which the first one does not match.
        named = [f":(icase,glob)**/{name}{below}" for name in leaves_out for below in ("", "/**")]
        git.run("clean", "--quiet", "-ffdx", *litter, "--", *named)


def _open_directories(workspace: str) -> None:
    """Let ourselves into directories that their owner, who we are, has closed; no link is followed."""
    for place, names, _ in os.walk(workspace):
        for name in names:
            path = Path(place, name)
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode) and mode & stat.S_IRWXU != stat.S_IRWXU:
                path.chmod(stat.S_IMODE(mode) | stat.S_IRWXU)
