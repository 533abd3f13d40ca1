"""The second part of finishing: the profile's `verify` command, in a fresh sandbox over the result."""

from __future__ import annotations

from app.core.assignment import Assignment, SandboxEnd
from app.core.outcome import VerifyResult
from app.core.run import Run
from app.errors import SetupFailed
from app.execute.tooling.layout import SHELL
from app.ledger import runs, sandboxes, steps
from app.ledger.runs import Lease
from app.publish.proposal import Proposal
from app.publish.verify import verify_result
from tasks.finishing.conclude import refuse_if_cancelled
from tasks.parts import Parts
from tasks.replying.replies import say
from tasks.starting.door_rules import with_door
from tasks.starting.opening import choose_backend, open_sandbox, sandbox_uid
from tasks.starting.prepare import layer_for_verify, setup_of
from tasks.starting.services import with_services


def verify(parts: Parts, lease: Lease, run: Run, proposal: Proposal) -> bool:
    """Start the verify sandbox, or the setup that it needs before, and return at once: its end wakes the next part.

    False where there is nothing to wait for, because that setup has failed already.
    """
    backend = choose_backend(parts, run.profile)
    layer: str | None = None
    if run.profile.setup is not None:
        try:
            layer = layer_for_verify(parts, lease, run, backend, run.profile.setup, proposal)
        except SetupFailed:
            return False
        if layer is None:
            return True
    sandbox_id = f"{run.id}-verify"
    uid = sandbox_uid(run.profile)
    prepared = parts.workspaces.prepare_result(
        proposal.git_dir, proposal.commit, sandbox_id, uid=uid, gid=uid, branch=run.event.repo.default_branch, layer=layer
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
    return True


def under_way(parts: Parts, run: Run) -> Proposal | None:
    """Return the result whose verification has begun with a setup of its own, or None."""
    if setup_of(parts, run, "setup-verify") is None:
        return None
    with parts.database.read() as tx:
        candidate = runs.candidate(tx, run.id)
    return None if candidate is None else Proposal.model_validate_json(candidate)


def prepare_verify_again(parts: Parts, lease: Lease, run: Run) -> None:
    """Finish what a worker began that died between asking for the sandbox of a result's setup and noting its handle."""
    with parts.database.read() as tx:
        candidate = runs.candidate(tx, run.id)
    row = setup_of(parts, run, "setup-verify")
    if candidate is not None and (row is None or row.state == "opening"):
        _verify_or_publish(parts, lease, run, Proposal.model_validate_json(candidate))


def _verify_or_publish(parts: Parts, lease: Lease, run: Run, proposal: Proposal) -> None:
    if not verify(parts, lease, run, proposal):
        with parts.database.begin() as tx:
            runs.advance(tx, lease, "publishing")


def verify_again(parts: Parts, lease: Lease, run: Run) -> None:
    """Finish what a worker began that died between asking for the verify sandbox and noting its handle."""
    with parts.database.read() as tx:
        row = sandboxes.load(tx, f"{run.id}-verify")
        candidate = runs.candidate(tx, run.id)
    if candidate is not None and (row is None or row.state == "opening"):
        _verify_or_publish(parts, lease, run, Proposal.model_validate_json(candidate))


def verified(parts: Parts, run: Run) -> VerifyResult | None:
    """Return what the verify sandbox did, or None when the profile asks for no verification."""
    if run.profile.verify is None:
        return None
    sandbox_id = f"{run.id}-verify"
    with parts.database.read() as tx:
        row = sandboxes.load(tx, sandbox_id)
        if row is None and (setup := sandboxes.load(tx, f"{run.id}-setup-verify")) is not None:
            # What the result needs could not be set up, so that nothing was verified.
            row, sandbox_id = setup, setup.id
        said = steps.of_sandbox(tx, run.id, sandbox_id)
    end = (row.end if row else None) or SandboxEnd(reason="lost", text="the verify sandbox left no word")
    if row is not None and row.role == "setup-verify" and (end.reason, end.exit_code) == ("exited", 0):
        end = end.model_copy(update={"reason": "lost", "text": "what its setup had installed was not kept"})
    return verify_result(run.profile.verify, end, [step.text for step in said if step.data.get("stream") not in ("runner", "gateway")])
