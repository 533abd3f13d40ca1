"""What a run starts from that is to resolve a conflict: the merge of both sides, with git's markers where they disagree."""

from __future__ import annotations

from pathlib import Path

from app.errors import PublishRefused
from app.git import Git
from app.git_merges import merge


def joined(git: Git, mirror: Path, head: str, base: str, *, head_ref: str, base_ref: str) -> str:
    """Return the commit that merges `base` into `head`. Raises PublishRefused where they do not conflict (any more), WorkspaceError."""
    commit, conflicts = merge(git, mirror, head, base, f"Merge {base_ref} into {head_ref}")
    if not conflicts:
        raise PublishRefused(
            f"{head_ref} merges with {base_ref} as they stand now ({head[:12]} and {base[:12]}), so there is nothing to resolve.",
            reason="no_conflict",
        )
    return commit
