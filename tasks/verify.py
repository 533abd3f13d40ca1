"""The second part of finishing: the profile's `verify` command, in a fresh sandbox over the result."""

from __future__ import annotations

from app.core.assignment import Assignment, SandboxEnd
from app.core.outcome import VerifyResult
from app.core.run import Run
from app.execute.tooling.layout import SHELL
from app.ledger import runs, sandboxes, steps
from app.ledger.runs import Lease
from app.publish.proposal import Proposal
from app.publish.verify import verify_result
from tasks.conclude import refuse_if_cancelled
from tasks.door_rules import with_door
from tasks.opening import choose_backend, open_sandbox, sandbox_uid
from tasks.parts import Parts
from tasks.replies import say
from tasks.services import with_services


def verify(parts: Parts, lease: Lease, run: Run, proposal: Proposal) -> None:
    """Start the verify sandbox and return at once; its end wakes the next part."""
    backend = choose_backend(parts, run.profile)
    sandbox_id = f"{run.id}-verify"
    uid = sandbox_uid(run.profile)
    prepared = parts.workspaces.prepare_result(
        proposal.git_dir, proposal.commit, sandbox_id, uid=uid, gid=uid, branch=run.event.repo.default_branch
    )
    seconds = run.profile.timeout_minutes * 60
    assignment = Assignment(
        run_id=run.id, role="verify", argv=(SHELL, "-ec", run.profile.verify or "true"), env=run.profile.env,
        timeout_seconds=seconds, idle_timeout_seconds=seconds,
    )
    if run.state != "verifying":
        with parts.database.begin() as tx:
            refuse_if_cancelled(tx, run.id)
            runs.advance(tx, lease, "verifying")
            say(tx, parts, run, state="verifying")
    assignment = with_services(with_door(assignment, run, parts.registries), run.profile)
    open_sandbox(parts, lease, run, backend, sandbox_id, "command", assignment, prepared)


def verify_again(parts: Parts, lease: Lease, run: Run) -> None:
    """Finish what a worker began that died between asking for the verify sandbox and noting its handle."""
    with parts.database.read() as tx:
        row = sandboxes.load(tx, f"{run.id}-verify")
        candidate = runs.candidate(tx, run.id)
    if candidate is not None and (row is None or row.state == "opening"):
        verify(parts, lease, run, Proposal.model_validate_json(candidate))


def verified(parts: Parts, run: Run) -> VerifyResult | None:
    """Return what the verify sandbox did, or None when the profile asks for no verification."""
    if run.profile.verify is None:
        return None
    sandbox_id = f"{run.id}-verify"
    with parts.database.read() as tx:
        row = sandboxes.load(tx, sandbox_id)
        said = steps.of_sandbox(tx, run.id, sandbox_id)
    end = (row.end if row else None) or SandboxEnd(reason="lost", text="the verify sandbox left no word")
    return verify_result(run.profile.verify, end, [step.text for step in said if step.data.get("stream") not in ("runner", "gateway")])
