"""A checked result as bytes that outlast its quarantine, and back: what an approval publishes is the very commit that was looked at."""

from __future__ import annotations

from pathlib import Path

from app.core.profile import Limits
from app.errors import PublishRefused
from app.git import Git
from app.publish.candidate import Candidate
from app.publish.commit import PUBLISHED_REF
from app.publish.proposal import Proposal
from app.publish.quarantine import import_bundle

MOST_BYTES = 16 << 20


def keep(git: Git, proposal: Proposal) -> bytes:
    """Return the proposal's commit as a git bundle over its base. Raises PublishRefused (too large to keep), WorkspaceError."""
    made = git.run(
        "bundle", "create", "--quiet", "-", PUBLISHED_REF, f"^{proposal.base_commit}", git_dir=proposal.git_dir,
        limit_bytes=MOST_BYTES, may_truncate=True, timeout_seconds=120.0, caged=True,
    )
    if made.truncated:
        raise PublishRefused(
            f"The result is larger than {MOST_BYTES >> 20} MB, and so much is not kept for an approval. Ask for a smaller change.",
            reason="too_large_to_keep",
        )
    return made.stdout


def take_up(
    git: Git, state_dir: Path, run_id: str, bundle: bytes, proposal: Proposal, mirror: Path, limits: Limits
) -> tuple[Candidate, Proposal]:
    """Bring a kept commit back into a quarantine of `run_id`, through the same door as an agent's; safe to repeat.

    Raises PublishRefused (also where it is not what was kept), WorkspaceError.
    """
    place = state_dir / "bundles" / f"{run_id}-kept"
    place.write_bytes(bundle)
    candidate = import_bundle(
        git, state_dir, run_id, place, mirror, proposal.base_commit, proposal.commit, limits=limits, bundle_limit_bytes=MOST_BYTES,
    )
    place.unlink()
    if candidate is None or candidate.tree != proposal.tree or candidate.changes != proposal.changes:
        raise PublishRefused("What was kept for the approval is not what was looked at, so nothing was published.", reason="not_what_was_approved")
    return candidate, proposal.model_copy(update={"git_dir": candidate.git_dir})
