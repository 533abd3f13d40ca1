"""Between a checked result and its publishing: what the profile would have people approve first is kept, and the run ends with that."""

from __future__ import annotations

from typing import Literal

from app.core.deciding.approval import Approval, intent_of
from app.core.deciding.autonomy import is_least
from app.core.outcome import Held, VerifyResult
from app.core.run import Run
from app.errors import PublishRefused
from app.ledger import holds, runs
from app.ledger.holds import Hold
from app.ledger.runs import Lease
from app.publish.describe import pull_request_title
from app.publish.keep import keep
from app.publish.policy import covers
from app.publish.proposal import Proposal
from app.publish.shown_patch import for_comment, patch_of
from tasks.finishing.conclude import conclude, refuse_if_cancelled
from tasks.leased import LEASE_SECONDS
from tasks.parts import Parts


def is_planning(parts: Parts, run: Run) -> bool:
    """Return whether the run is to come to a plan first, which nobody has approved yet."""
    if not run.profile.approval.plan or not run.profile.keeps_changes:
        return False
    with parts.database.read() as tx:
        return holds.behind(tx, run.id) is None


def as_it_works(parts: Parts, run: Run) -> Run:
    """Return the run as it works now: while it plans, it only observes, whatever its profile allows it later."""
    if not is_planning(parts, run):
        return run
    return run.model_copy(update={"profile": run.profile.model_copy(update={"autonomy": "observe"})})


def held_plan(run: Run, said: str) -> Held:
    """Return the outcome of a run that has come to a plan."""
    return Held(what="plan", binds=intent_of(run.event, said), text=said)


def touched(approval: Approval, proposal: Proposal) -> tuple[str, ...]:
    """Return the changed paths that ask for an approval."""
    return tuple(change.path for change in proposal.changes if any(covers(pattern, change.path) for pattern in approval.paths))


def why_held(run: Run, proposal: Proposal, approved: str | None) -> Literal["suggestion", "paths"] | None:
    """Return what keeps this very commit from being published, or None; `approved` is the commit that people have approved.

    The publisher asks it again right before it writes outside.
    """
    if approved == proposal.commit:
        return None
    if not is_least(run.profile.autonomy, "draft"):
        return "suggestion"
    return "paths" if touched(run.profile.approval, proposal) else None


def approved_commit(parts: Parts, run: Run) -> str | None:
    """Return the commit that this run publishes because people have approved it, or None."""
    with parts.database.read() as tx:
        hold = holds.behind(tx, run.id)
    return hold.binds if hold is not None and hold.state == "approved" else None


def refuse_unapproved(run: Run, proposal: Proposal, approved: str | None) -> None:
    """Raise PublishRefused where the profile lets nothing out of itself, or not this: the last look before the outside."""
    if not run.profile.keeps_changes or why_held(run, proposal, approved) is not None:
        raise PublishRefused(
            f"The profile `{run.profile.name}` does not let this out of itself (`autonomy: {run.profile.autonomy}`), so nothing was published.",
            reason="not_approved",
        )


def hold(
    parts: Parts, lease: Lease, run: Run, proposal: Proposal, verify: VerifyResult | None, what: Literal["suggestion", "paths"]
) -> None:
    """End the run with its result kept for whoever approves it. Raises PublishRefused, WorkspaceError, LeaseLost."""
    git = parts.workspaces.git
    if not proposal.base_commit:
        raise PublishRefused("This result does not say what it stands on, so it cannot be kept. Ring again.", reason="no_base")
    bundle = keep(git, proposal)
    patch, is_cut = patch_of(git, proposal)
    patch = parts.redacted(patch)
    shown, is_shortened = for_comment(patch)
    if verify is not None:
        verify = verify.model_copy(update={"tail": parts.redacted_words(verify.tail)})
    outcome = Held(
        what=what, binds=proposal.commit, text=proposal.said, title=pull_request_title(run, proposal.title),
        files=len(proposal.changes), added=sum(each.added or 0 for each in proposal.changes),
        deleted=sum(each.deleted or 0 for each in proposal.changes), patch=shown, is_cut=is_cut or is_shortened,
        paths=touched(run.profile.approval, proposal), verify=verify, warnings=tuple(each.text for each in proposal.warnings),
        draft=proposal.draft or bool(run.stopped_by) or (verify is not None and not verify.passed),
    )
    with parts.database.begin() as tx:
        runs.renew(tx, lease, LEASE_SECONDS)
        refuse_if_cancelled(tx, run.id)
    conclude(parts, lease, run, outcome, keep=(bundle, patch))


def verified_before(parts: Parts, run: Run) -> tuple[VerifyResult | None, Run] | None:
    """Return what was verified of the commit that this run was started to publish, and the run that made it; None for any other run."""
    held = behind(parts, run)
    if held is None or held[2].what == "plan":
        return None
    with parts.database.read() as tx:
        candidate = runs.candidate(tx, run.id)
    if candidate is None or Proposal.model_validate_json(candidate).commit != held[0].binds:
        return None
    return held[2].verify, held[1]


def behind(parts: Parts, run: Run) -> tuple[Hold, Run, Held] | None:
    """Return what this run goes on with because people have approved it: that, the run that came to it, and its outcome."""
    with parts.database.read() as tx:
        hold = holds.behind(tx, run.id)
        earlier = None if hold is None else runs.load(tx, hold.run_id)
    if hold is None or earlier is None or not isinstance(earlier.outcome, Held):
        return None
    return hold, earlier, earlier.outcome
