"""The sweeper's eyes on sandboxes: those that died without a word, ended unheard, outlived their time or disobey."""

from __future__ import annotations

import structlog
from sqlalchemy import Connection

from app.core.assignment import SandboxEnd
from app.errors import BellhopError, SandboxUnavailable
from app.ledger import runs, sandboxes
from app.ledger.database import clock_ms
from app.ledger.sandboxes import SandboxRow
from app.ports import SandboxBackend
from tasks.parts import Parts

log = structlog.get_logger()

# How long a sandbox has to end when it is stopped from outside.
STOP_GRACE_SECONDS = 10.0
# The runner hears of a cancellation within a second and clears up within ten.
CANCEL_GRACE_SECONDS = 30.0
# Where the work is kept, it also has to be collected, which takes minutes at most.
STOP_GRACE_SECONDS_WITH_RESULT = 300.0


def watch_sandboxes(parts: Parts, host: str) -> None:
    """Put the end of each sandbox on file that nobody has told of, and move the runs on that wait for it."""
    with parts.database.read() as tx:
        rows = sandboxes.on_host(tx, host, ("open", "ended"))
        to_end = {row.id: _why_end(tx, row) for row in rows}
    silent: set[str] = set()
    for row in rows:
        if row.end is not None:
            _move_on(parts, row)
        elif row.backend not in silent:
            try:
                _watch(parts, row, to_end[row.id])
            except SandboxUnavailable as error:
                # One engine that hangs is asked once in each sweep, and keeps nobody else's sandboxes waiting.
                silent.add(row.backend)
                log.warning("backend_silent", backend=row.backend, error=str(error))
            except BellhopError as error:
                log.warning("sandbox_not_watched", sandbox_id=row.id, reason=error.reason, error=str(error))


def _why_end(tx: Connection, row: SandboxRow) -> SandboxEnd | None:
    """Return the end that a sandbox has to come to now, or None while it may go on."""
    now_ms = clock_ms(tx)
    if now_ms > row.deadline_at_ms:
        return SandboxEnd(reason="timeout", text="the sandbox outlived its deadline and was stopped by the host", by_host=True)
    marks = dict(runs.timeline(tx, row.run_id))
    due = [marks["cancel"] + int(CANCEL_GRACE_SECONDS * 1000)] if "cancel" in marks else []
    if "stop" in marks and row.role == "work":
        due.append(marks["stop"] + int(STOP_GRACE_SECONDS_WITH_RESULT * 1000))
    if "stop" in marks and row.role == "setup":
        # Its agent has not begun, so that there is nothing to keep.
        due.append(marks["stop"] + int(CANCEL_GRACE_SECONDS * 1000))
    if any(now_ms > at_ms for at_ms in due):
        return SandboxEnd(reason="cancelled", text="the sandbox did not end by itself and was stopped by the host", by_host=True)
    return None


def _watch(parts: Parts, row: SandboxRow, must: SandboxEnd | None) -> None:
    backend = parts.backend_named(row.backend)
    if backend is None:
        if must is None:
            return
        end: SandboxEnd | None = must.model_copy(update={"text": f"this host has no `{row.backend}` any more to stop it with"})
    else:
        end = _flooded(parts, backend, row) if must is None else None
        end = end or _seen_end(backend, row, must)
    if end is None:
        return
    with parts.database.begin() as tx:
        is_news = sandboxes.ended(tx, row.id, end)
    if is_news:
        log.warning("sandbox_ended_unheard", run_id=row.run_id, sandbox_id=row.id, reason=end.reason)
    _move_on(parts, row)


def _flooded(parts: Parts, backend: SandboxBackend, row: SandboxRow) -> SandboxEnd | None:
    """Return the end of a sandbox that has taken more of the host's disk than its profile gives it, and stop it.

    What it did is not collected: the end is on file before it is stopped, so that its own word comes too late.
    """
    used_mb = parts.workspaces.used_mb(row.id)
    with parts.database.read() as tx:
        run = runs.load(tx, row.run_id)
    if used_mb is None or run is None or used_mb <= run.profile.container.disk_mb:
        return None
    end = SandboxEnd(
        reason="disk", text=f"it had written {used_mb} MB, over the profile's `disk-mb: {run.profile.container.disk_mb}`"
    )
    with parts.database.begin() as tx:
        sandboxes.ended(tx, row.id, end)
    log.warning("sandbox_disk", run_id=row.run_id, sandbox_id=row.id, used_mb=used_mb)
    backend.stop(row.handle or {}, 0)
    return end


def _seen_end(backend: SandboxBackend, row: SandboxRow, must: SandboxEnd | None) -> SandboxEnd | None:
    """Return how the host says that a sandbox ended, stopping it first where it has to; None while it may live."""
    handle = row.handle or {}
    status = backend.poll(handle)
    if status.state == "running":
        if must is not None:
            backend.stop(handle, STOP_GRACE_SECONDS)
        return must
    if status.out_of_memory:
        return SandboxEnd(reason="out_of_memory", exit_code=status.exit_code, text="the sandbox ran out of memory")
    return SandboxEnd(reason="lost", exit_code=status.exit_code, text="the sandbox died without a last word")


def _move_on(parts: Parts, row: SandboxRow) -> None:
    with parts.database.begin() as tx:
        moved = runs.sandbox_ended(tx, row.run_id, row.role)
    if moved:
        parts.wakeup.finish(row.run_id, row.host)
