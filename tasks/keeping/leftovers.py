"""The sweeper's broom: what runs that are over have left on this host, and checkouts that nobody starts from."""

from __future__ import annotations

import time
from pathlib import Path

import structlog
from sqlalchemy import Connection

from app.errors import BellhopError
from app.ledger import runs, sandboxes
from app.ports import SandboxBackend
from tasks.finishing.conclude import dismantle
from tasks.keeping.credentials import revoke_left
from tasks.parts import Parts
from tasks.starting.opening import sandbox_uid

log = structlog.get_logger()

# A checkout is looked after when it has not been used for an hour, and the newest of those stay.
KEEP_BASES = 20
PRUNE_EVERY_SECONDS = 600.0
# What was set up for one commit alone is of use to its own run, and hardly to another one.
PRIVATE_LAYER_SECONDS = 3600.0


def remove_leftovers(parts: Parts, host: str) -> None:
    """Remove sandboxes whose run is done, and sandboxes, files and bundles that belong to no live run."""
    # First: whatever else cannot be removed, a token that nobody needs must not live on.
    revoke_left(parts)
    with parts.database.read() as tx:
        rows = sandboxes.left_over(tx, host)
    for row in rows:
        try:
            dismantle(parts, row)
        except (BellhopError, OSError) as error:
            # A full disk, too: what one run has left must not keep others', and what is old, from being removed.
            log.warning("cleanup_failed", run_id=row.run_id, sandbox_id=row.id, reason=getattr(error, "reason", "os"), error=str(error))
    for backend in parts.backends:
        try:
            _remove_orphans(parts, backend)
        except BellhopError as error:
            log.warning("backend_silent", backend=backend.name, reason=error.reason, error=str(error))
    _remove_files(parts)
    for run_id in parts.workspaces.homes.prune(parts.settings.kept_homes, parts.settings.kept_home_days * 86_400):
        log.info("home_removed", run_id=run_id)
    settings, in_use = parts.settings, parts.workspaces.layers_in_use()
    for name in parts.workspaces.layers.prune(settings.kept_layers, settings.kept_layer_days * 86_400, PRIVATE_LAYER_SECONDS, in_use):
        log.info("layer_removed", layer=name)


def _remove_orphans(parts: Parts, backend: SandboxBackend) -> None:
    # Asked first: whatever is found was on file before it was created, so a row that is missing now is missing.
    for sandbox_id, handle in backend.find().items():
        with parts.database.read() as tx:
            row = sandboxes.load(tx, sandbox_id)
        if row is None or row.state == "destroyed":
            log.warning("orphan_removed", sandbox_id=sandbox_id, backend=backend.name)
            backend.destroy(handle)


def _remove_files(parts: Parts) -> None:
    # Listed first, for the same reason: a run is on file before it has any files.
    scratch, results = parts.workspaces.scratch_ids(), parts.workspaces.result_ids()
    with parts.database.read() as tx:
        over = {run_id for run_id in {*map(_run_id, scratch), *results} if _is_over(tx, run_id)}
        kept = {row.id for row in sandboxes.left_over(tx, parts.settings.host_name)}
    for sandbox_id in scratch:
        # What could not be dismantled may still be mounted.
        if _run_id(sandbox_id) in over and sandbox_id not in kept:
            _discard(parts, sandbox_id=sandbox_id)
    for run_id in results:
        if run_id in over:
            _discard(parts, run_id=run_id)


def _discard(parts: Parts, *, sandbox_id: str = "", run_id: str = "") -> None:
    try:
        if sandbox_id:
            parts.workspaces.discard(sandbox_id)
        else:
            parts.workspaces.discard_run(run_id)
    except BellhopError as error:
        log.warning("files_not_removed", name=sandbox_id or run_id, reason=error.reason, error=str(error))


def prune_checkouts(parts: Parts, host: str) -> None:
    """Remove checkouts that nobody has started from for long, once in ten minutes."""
    marker = parts.settings.state_dir / "pruned"
    if marker.exists() and time.time() - marker.stat().st_mtime < PRUNE_EVERY_SECONDS:
        return
    marker.touch()
    with parts.database.read() as tx:
        live = runs.live_on(tx, host)
    in_use: set[Path] = {
        parts.workspaces.base(run.event.repo, run.base_commit, sandbox_uid(run.profile))
        for run in live if run.base_commit is not None
    }
    for removed in parts.workspaces.prune(keep_bases=KEEP_BASES, in_use=in_use):
        log.info("checkout_pruned", path=str(removed))


def _run_id(sandbox_id: str) -> str:
    return sandbox_id.partition("-")[0]


def _is_over(tx: Connection, run_id: str) -> bool:
    run = runs.load(tx, run_id)
    return run is None or run.state == "done"
