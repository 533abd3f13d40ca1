"""A change as people read it before anything of it is published: cut, and inert wherever it is put."""

from __future__ import annotations

import re

from app.core.words.clean import clean
from app.git import Git
from app.publish.inert import Inert, defang
from app.publish.proposal import Proposal

# What is kept for the run's page, and what a comment has room for beside everything else in it.
PAGE_BYTES = 256 * 1024
COMMENT_CHARS = 20_000
_LINE_CHARS = 400
_DIFF = ("diff-tree", "-r", "-p", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color")


def patch_of(git: Git, proposal: Proposal) -> tuple[str, bool]:
    """Return what the proposal changes, as git's patch, and whether there is more of it. Raises WorkspaceError."""
    made = git.run(
        *_DIFF, proposal.base_commit, proposal.commit, git_dir=proposal.git_dir, config={"core.bigFileThreshold": "8m"},
        limit_bytes=PAGE_BYTES, may_truncate=True, timeout_seconds=120.0, caged=True,
    )
    return made.stdout.decode("utf-8", "replace"), made.truncated


def for_comment(patch: str) -> tuple[str, bool]:
    """Return as many whole lines of a patch as a comment has room for, and whether that is not all."""
    kept, room = [], COMMENT_CHARS
    lines = patch.splitlines()
    for line in lines:
        room -= min(len(line), _LINE_CHARS) + 1
        if room < 0:
            break
        kept.append(line)
    return "\n".join(kept), len(kept) < len(lines)


def diff_block(patch: str) -> Inert:
    """Return a patch as a fenced block that it cannot get out of, and in which nothing is acted on; its long lines are cut.

    Must start at the beginning of a line.
    """
    lines = [_shown(line) for line in patch.splitlines()]
    if not lines:
        return Inert("")
    longest = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return Inert("\n".join([f"{fence}diff", *lines, fence]))


def _shown(line: str) -> str:
    text = clean(line).replace("\n", " ")
    return defang(text if len(text) <= _LINE_CHARS else f"{text[:_LINE_CHARS - 3]}...")

