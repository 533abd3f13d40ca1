"""What came out of a work sandbox, as a change to what it is proposed for: one way for a run and for its replay."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from app.core.assignment import SandboxEnd
from app.core.run import Run
from app.git import Git
from app.git_merges import Merge, merge_below
from app.publish.candidate import Candidate
from app.publish.own_config import over_own_config
from app.publish.quarantine import import_bundle


class Result(NamedTuple):
    """`dropped` names agent configuration that the agent changed and the candidate no longer holds; `merge` is what it resolves."""

    candidate: Candidate
    dropped: tuple[str, ...] = ()
    merge: Merge | None = None


def result_of(
    git: Git, state_dir: Path, run: Run, end: SandboxEnd, sandbox_id: str, mirror: Path, bundle_limit_bytes: int
) -> Result | None:
    """Take a sandbox's bundle through quarantine; None when it changes nothing. Raises PublishRefused, WorkspaceError."""
    if not end.has_bundle or end.head_commit is None or run.base_commit is None or not run.profile.keeps_changes:
        return None
    candidate = import_bundle(
        git, state_dir, run.id, state_dir / "bundles" / sandbox_id, mirror, run.base_commit, end.head_commit,
        limits=run.profile.limits, bundle_limit_bytes=bundle_limit_bytes,
    )
    pull, head = run.event.pull, run.works_on
    if candidate is None or head is None:
        return None if candidate is None else Result(candidate)
    is_conflict = pull is not None and run.event.friction == "conflict"
    merge = merge_below(git, mirror, run.base_commit, head) if is_conflict else None
    own = head if merge is None else merge.commit
    if own == run.base_commit:
        return Result(candidate, merge=merge)
    return Result(*over_own_config(git, candidate, own, run.profile.limits.max_patch_kb * 1024), merge)
