"""The commit that a run on somebody's pull request starts from: its head, with the default branch's agent configuration.

Made of objects in the host's own mirror, which no sandbox sees, and never of files.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from app.core.sandbox.agent_config import with_config_of
from app.git import Git
from app.git_trees import read_files, read_link, write_commit

MESSAGE = "Agent configuration as on the default branch"


def with_trusted_config(git: Git, mirror: Path, head: str, trusted: str) -> str:
    """Return `head` itself where it has the agent configuration of `trusted`, else a commit over it that has.

    Raises WorkspaceError.
    """
    before = read_files(git, mirror, head)
    after = with_config_of(before, read_files(git, mirror, trusted), partial(read_link, git, mirror))
    if after == before:
        return head
    return write_commit(git, mirror, head, before, after, MESSAGE)
