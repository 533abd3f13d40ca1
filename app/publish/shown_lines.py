"""Which lines of a pull request's change its page shows, so that a comment can stand on them."""

from __future__ import annotations

import re
from pathlib import Path

from app.errors import PublishRefused
from app.git import Git

# As GitHub makes it: against the merge base, renames found, three lines around.
_DIFF = ("diff-tree", "-r", "-p", "-M", "-U3", "--no-ext-diff", "--no-textconv", "--no-color")
_LIMIT_BYTES = 32 << 20
_TIMEOUT_SECONDS = 120.0
_HUNK = re.compile(r"^@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@")


def merge_base(git: Git, git_dir: Path, base: str, head: str) -> str:
    """Return the commit that a change is counted from. Raises PublishRefused where the two have nothing in common, WorkspaceError."""
    found = git.run("merge-base", "--end-of-options", base, head, git_dir=git_dir, accept=(0, 1))
    if found.code != 0 or not found.text:
        raise PublishRefused("This pull request has no history in common with its base, so there is no change to look at.", reason="no_base")
    return found.text.splitlines()[0]


def shown_lines(git: Git, git_dir: Path, start: str, head: str) -> dict[str, frozenset[int]]:
    """Return the numbers of the lines of the new side that the change shows, by path. Raises WorkspaceError."""
    patch = git.run(
        *_DIFF, "--end-of-options", start, head, git_dir=git_dir, config={"core.quotePath": "false", "core.bigFileThreshold": "8m"},
        timeout_seconds=_TIMEOUT_SECONDS, limit_bytes=_LIMIT_BYTES, may_truncate=True, caged=True,
    ).stdout.decode("utf-8", "replace")
    found: dict[str, set[int]] = {}
    path, left = "", 0
    for line in patch.split("\n"):
        if left > 0:
            # A line of a file may look like any line of a patch: inside a hunk, they are counted.
            left -= 0 if line.startswith(("-", "\\")) else 1
            continue
        if line.startswith("+++ "):
            path = line[6:].rstrip("\t") if line.startswith("+++ b/") else ""
        elif path and (hunk := _HUNK.match(line)) is not None:
            first, count = int(hunk[1]), int(hunk[2] or "1")
            found.setdefault(path, set()).update(range(first, first + count))
            left = count
    return {name: frozenset(numbers) for name, numbers in found.items()}
