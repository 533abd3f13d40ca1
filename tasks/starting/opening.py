"""Which backend a run gets, and how each of its sandboxes is opened: on file first, then its door, then itself."""

from __future__ import annotations

import os

from app.core.assignment import Assignment
from app.core.isolation import at_least
from app.core.profile import Profile
from app.core.run import Run
from app.errors import BellhopError, SandboxRefused
from app.execute.sandboxes.service_support import has_services, no_services
from app.execute.sandboxes.workspaces import has_overlays, no_overlay
from app.execute.tooling.layout import RUNNER_ARGV
from app.ledger import runs, sandboxes
from app.ledger.runs import Lease
from app.ports import PreparedWorkspace, SandboxBackend, SandboxSpec
from tasks.leased import fence
from tasks.parts import Parts

# What a sandbox may take beyond the agent's own time: start, bundle, goodbye.
MARGIN_SECONDS = 180.0


def choose_backend(parts: Parts, profile: Profile) -> SandboxBackend:
    """Return the weakest backend of this host that keeps the level the profile requires, and has what it asks for.

    Raises SandboxRefused.
    """
    required = profile.container.isolation
    able = [backend for backend in parts.backends if at_least(backend.isolation, required)]
    for backend in able:
        if (not profile.services or has_services(backend)) and (profile.setup is None or has_overlays(backend)):
            return backend
    if able and profile.setup is not None and not any(has_overlays(backend) for backend in able):
        raise no_overlay()
    if able:
        raise no_services(", ".join(backend.name for backend in able))
    have = ", ".join(f"{backend.name} ({backend.isolation})" for backend in parts.backends) or "none"
    raise SandboxRefused(
        f"profile `{profile.name}` requires isolation `{required}`, this host has: {have}. "
        "Run `bellhop doctor` on the host to see what is missing, or lower `container: isolation:`"
    )


def sandbox_uid(profile: Profile) -> int:
    """Return the uid that works in the sandbox: the profile's, or our own where we cannot give files away."""
    return profile.container.user if os.geteuid() == 0 else os.geteuid()


def open_sandbox(
    parts: Parts, lease: Lease, run: Run, backend: SandboxBackend, sandbox_id: str, agent: str, assignment: Assignment,
    prepared: PreparedWorkspace,
) -> None:
    """Put the sandbox on file, open its door, start it, note its handle; each step safe to repeat.

    Raises SandboxUnavailable, SandboxRefused, ToolingError, ServiceError, LeaseLost.
    """
    ttl_seconds = assignment.timeout_seconds + assignment.services_timeout_seconds + MARGIN_SECONDS
    tooling, tooling_parts = parts.tooling(backend), parts.tooling_parts(backend, parts.agent(agent).parts(run.profile.agent))
    with parts.database.begin() as tx:
        sandboxes.create(
            tx, sandbox_id=sandbox_id, host=parts.settings.host_name, agent=agent, backend=backend.name,
            assignment=assignment, ttl_seconds=ttl_seconds,
        )
    try:
        spec = SandboxSpec(
            id=sandbox_id, run_id=run.id, door=parts.gateway.open(sandbox_id), workspace=prepared, tooling=tooling, parts=tooling_parts,
            container=run.profile.container, services=run.profile.services if assignment.services else {}, uid=sandbox_uid(run.profile),
            argv=RUNNER_ARGV, ttl_seconds=ttl_seconds,
        )
        fence(parts, lease)
        handle = backend.create(spec)
    except BellhopError:
        with parts.database.read() as tx:
            row = sandboxes.load(tx, sandbox_id)
        if row is None or row.end is None:
            raise
        # An earlier worker had started it after all, and it has ended: that end moves the run on.
        return
    with parts.database.begin() as tx:
        sandboxes.opened(tx, sandbox_id, handle)
        runs.mark(tx, run.id, f"sandbox-{assignment.role}")
