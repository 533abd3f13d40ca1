"""The one way a run ends: its outcome and the reply in one transaction, then every trace removed."""

from __future__ import annotations

import structlog
from sqlalchemy import Connection

from app.core.outcome import Held, Outcome, PullRequest
from app.core.run import Run
from app.errors import BellhopError, PublishRefused, SandboxUnavailable, WorkspaceError
from app.ledger import exchanges, holds, line, messages, runs, sandboxes, tallies
from app.ledger.runs import Lease
from app.ledger.sandboxes import SandboxRow
from tasks.keeping.credentials import revoke_of_sandbox
from tasks.parts import Parts
from tasks.replying.replies import deliver_all, say
from tasks.starting.services import waited_for_services_only

log = structlog.get_logger()

# A HOME that was given comes from an agent, and goes on only where the runner came to an end of its own with it.
_ENDS_OF_A_GOOD_HOME = ("exited", "cancelled", "budget")


def conclude(parts: Parts, lease: Lease, run: Run, outcome: Outcome, *, keep: tuple[bytes | None, str] = (None, "")) -> None:
    """Give the run its outcome, tell the thread, and clean up. Raises LeaseLost before anything is written.

    `keep` is what a Held one leaves for whoever approves it: the commit as a bundle, and the patch for the run's page.

    What the thread cannot be told now, and what cannot be removed now, is left to the sweeper.
    """
    # Before it is rendered: what makes words inert would hide a secret in them from who looks later.
    if (text := getattr(outcome, "text", None)) is not None:
        outcome = outcome.model_copy(update={"text": parts.redacted_words(text)})
    with parts.database.begin() as tx:
        runs.finish(tx, lease, outcome)
        if isinstance(outcome, Held):
            hours = run.profile.approval.expires_hours
            holds.open_hold(tx, run.id, binds=outcome.binds, bundle=keep[0], patch=keep[1], hours=hours)
        # After the line above nothing can be appended to the run any more, so nobody's words fall between.
        unread = messages.unhanded(tx, run.id)
        # As it is on file: somebody may have said stop since `run` was read.
        say(tx, parts, runs.load(tx, run.id) or run.model_copy(update={"state": "done", "outcome": outcome}))
        is_draft = isinstance(outcome, PullRequest) and outcome.draft
        tallies.add(tx, "outcome", run.profile.name, outcome.kind, "draft" if is_draft else getattr(outcome, "reason", ""))
        tallies.add(tx, "cost", run.profile.name, count=exchanges.spent(tx, run.id).cost_micro_usd)
    log.info("run_done", outcome=outcome.kind, reason=getattr(outcome, "reason", None), unread=len(unread))
    deliver_all(parts, run.id)
    clean_up(parts, run.id)
    _wake_next(parts)


def _wake_next(parts: Parts) -> None:
    """Wake who is next on this host; one too many does no harm, they ask for their place."""
    host = parts.settings.host_name
    with parts.database.read() as tx:
        coming = line.of_host(tx, host, parts.caps).line.now
    for each in coming:
        parts.wakeup.start(each.run_id, host)


def refuse_if_cancelled(tx: Connection, run_id: str) -> None:
    """Raise PublishRefused when somebody has asked for the run to end with nothing kept."""
    if runs.should_stop(tx, run_id):
        raise PublishRefused("Stopped, as asked for in the thread. Nothing was published.", reason="cancelled")


def refuse_if_stopped(tx: Connection, run_id: str) -> None:
    """Raise PublishRefused when somebody has asked for the run to end before its agent began, so that there is nothing to keep."""
    if runs.agent_should_stop(tx, run_id):
        raise PublishRefused("Stopped, as asked for in the thread, before the agent began. Nothing was published.", reason="cancelled")


def clean_up(parts: Parts, run_id: str) -> None:
    """Remove what a run that is done has left on this host; what fails is logged, and the sweeper's next time."""
    with parts.database.read() as tx:
        rows = sandboxes.of_run(tx, run_id)
    try:
        for row in rows:
            if row.state != "destroyed" and row.host == parts.settings.host_name:
                dismantle(parts, row)
        sandbox_id = f"{run_id}-work"
        if all(row.id != sandbox_id for row in rows) and parts.settings.kept_homes:
            # What came between the HOME and its sandbox (no tooling, a template that is broken) is not the session's fault.
            parts.workspaces.give_back(sandbox_id)
        parts.workspaces.discard_run(run_id)
    except (BellhopError, OSError) as error:
        log.warning("cleanup_failed", run_id=run_id, reason=getattr(error, "reason", "os"), error=str(error))


def _keep_home(parts: Parts, row: SandboxRow) -> None:
    """Keep the HOME of an agent whose session can go on, and its workspace; a stranger's files, or a cancelled run, leave none."""
    settings = parts.settings
    if row.role != "work" or not row.assignment.next_argv or not settings.kept_homes:
        return
    given = parts.workspaces.continues(row.id)
    with parts.database.read() as tx:
        is_claimed = sandboxes.is_claimed(tx, row.id)
    waited_only = waited_for_services_only(row)
    if given is not None and (waited_only or not is_claimed):
        # Its agent never began, so that nobody has touched it: it is still that of the run before.
        parts.workspaces.give_back(row.id)
        return
    if waited_only or (row.end is not None and row.end.reason == "refused"):
        return  # there is no session in it; and a HOME that the runner could not write to would keep the next one from beginning, too
    if given is not None and (row.end is None or row.end.by_host or row.end.reason not in _ENDS_OF_A_GOOD_HOME):
        return  # it may be the HOME that broke the runner, and would break every one after it
    with parts.database.read() as tx:
        run = runs.load(tx, row.run_id)
    # A run that nobody can speak to has no session that goes on.
    is_talked_to = run is not None and (run.event.number is not None or run.event.is_elsewhere)
    if run is None or not is_talked_to or run.event.is_from_fork or run.cancel_requested:
        return
    if not parts.workspaces.keep_home(row.id, row.run_id, home_mb=settings.kept_home_mb, files_mb=settings.kept_workspace_mb):
        log.info("home_not_kept", run_id=row.run_id)


def _keep_layer(parts: Parts, row: SandboxRow) -> None:
    """Keep what a setup that ended well has installed."""
    wish, end = row.assignment.layer, row.end
    if wish is None or end is None or (end.reason, end.exit_code) != ("exited", 0):
        return
    try:
        parts.workspaces.keep_layer(row.id, wish.name)
    except WorkspaceError as error:
        if error.retryable:
            raise
        log.warning("layer_not_kept", run_id=row.run_id, sandbox_id=row.id, error=str(error))


def dismantle(parts: Parts, row: SandboxRow) -> None:
    """Remove a sandbox with its door and its writable files; safe to repeat.

    Raises SandboxUnavailable, ServiceError, WorkspaceError; the sweeper tries again.
    """
    backend = parts.backend_named(row.backend)
    if backend is None:
        raise SandboxUnavailable(
            f"the sandbox {row.id} was made by `{row.backend}`, which does not work on this host any more. "
            "Run `bellhop doctor` to see why, and start the worker again."
        )
    handle = row.handle or backend.find().get(row.id)
    if handle is not None:
        backend.destroy(handle)
    parts.gateway.close(row.id)
    if row.assignment.door.repository is not None:
        revoke_of_sandbox(parts, row.id)
    _keep_home(parts, row)
    _keep_layer(parts, row)
    parts.workspaces.discard(row.id)
    with parts.database.begin() as tx:
        sandboxes.destroyed(tx, row.id)
