"""The repeated run itself: the sandbox of then, with the answers of then, and nothing of it published."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple

from app.core.assignment import SandboxEnd
from app.core.isolation import at_least
from app.emulators.model.emulator import ModelEmulator
from app.emulators.model.follow import Follow
from app.emulators.model.serve import serve as serve_model
from app.errors import BellhopError
from app.execute.agents import agent_named
from app.execute.gateway.control import GatewayClient
from app.execute.gateway.main import gateway_thread
from app.execute.sandboxes.choose import usable_backends
from app.execute.sandboxes.service_support import has_services
from app.execute.tooling.choose import Tooling
from app.execute.tooling.layout import RUNNER_ARGV
from app.execute.workspace import Workspaces
from app.ledger import runs, sandboxes, schema, steps
from app.ledger.database import Database
from app.ledger.steps import StepRow
from app.ports import Closes, Handle, SandboxBackend, SandboxSpec
from app.publish.result import result_of
from app.replay.recorded import Recorded, cannot
from app.replay.scene import place_for
from app.settings import Settings
from tasks.starting.opening import MARGIN_SECONDS, sandbox_uid

_LOOK_SECONDS = 0.05
_POLL_SECONDS = 2.0
_STOP_SECONDS = 10.0


class Replayed(NamedTuple):
    """What came of it: the tree of the result (None: nothing was changed), and how the model was asked otherwise."""

    backend: str
    end: SandboxEnd
    tree: str | None
    differences: tuple[str, ...]
    unplayed: tuple[str, ...]
    steps: int


def rerun(settings: Settings, recorded: Recorded, on_step: Callable[[StepRow], object] = lambda row: None) -> Replayed:
    """Repeat a run in a place of its own on this host, told step by step to `on_step`.

    Raises BellhopError; with reason `cannot_replay` when this host has no such sandbox.
    """
    source = Follow(recorded.record)
    with serve_model(ModelEmulator(source)) as model_url, place_for(settings, model_url) as place:
        backends = usable_backends(place)
        try:
            backend = _backend(backends, recorded)
            with closing(Database(place.ledger_url)) as database:
                schema.upgrade(database)
                end, count = _work(place, database, backend, recorded, on_step)
            tree = _tree(place, recorded, end)
        finally:
            for each in backends:
                if isinstance(each, Closes):
                    each.close()
    return Replayed(backend.name, end, tree, tuple(source.differences), tuple(source.unplayed()), count)


def _backend(backends: tuple[SandboxBackend, ...], recorded: Recorded) -> SandboxBackend:
    """Return the backend of then, or else the weakest that keeps what the profile asks for."""
    required = recorded.run.profile.container.isolation
    found = next((each for each in backends if each.name == recorded.sandbox.backend), None)
    found = found or next((
        each for each in backends if at_least(each.isolation, required) and (has_services(each) or not recorded.sandbox.assignment.services)
    ), None)
    if found is None:
        raise cannot(f"this host has no sandbox of isolation `{required}` or stronger; `bellhop doctor` says why")
    return found


def _work(
    place: Settings, database: Database, backend: SandboxBackend, recorded: Recorded, on_step: Callable[[StepRow], object]
) -> tuple[SandboxEnd, int]:
    run, row = recorded.run, recorded.sandbox
    uid = sandbox_uid(run.profile)
    prepared = Workspaces(place).prepare(run.event.repo, run.base_commit or "", row.id, uid=uid, gid=uid)
    ttl_seconds = row.assignment.timeout_seconds + row.assignment.services_timeout_seconds + MARGIN_SECONDS
    with closing(Tooling(place)) as tooling:
        tree, tree_parts = tooling.ensure(backend), tooling.parts(backend, agent_named(row.agent).parts(run.profile.agent))
    with database.begin() as tx:
        runs.create(tx, run.event, run.profile, place.host_name, run.id)
        lease = runs.take(tx, run.id, "replay", 60)
        if lease is None:
            raise BellhopError("a new ledger does not give its own run out", reason="internal")
        runs.advance(tx, lease, "running", base_commit=run.base_commit)
        sandboxes.create(tx, sandbox_id=row.id, host=place.host_name, agent=row.agent, backend=backend.name,
                         assignment=row.assignment, ttl_seconds=ttl_seconds)
    gateway = GatewayClient(place.gateway_socket)
    with gateway_thread(place, database, on_ended=lambda _run_id, _host: None):
        handle: Handle | None = None
        try:
            handle = backend.create(SandboxSpec(
                id=row.id, run_id=run.id, door=gateway.open(row.id), workspace=prepared, tooling=tree, parts=tree_parts,
                container=run.profile.container, services=run.profile.services if row.assignment.services else {}, uid=uid, argv=RUNNER_ARGV, ttl_seconds=ttl_seconds,
            ))
            with database.begin() as tx:
                sandboxes.opened(tx, row.id, handle)
            return _watch(database, backend, handle, recorded, on_step, time.monotonic() + ttl_seconds)
        finally:
            _remove(backend, handle or backend.find().get(row.id))
            gateway.close(row.id)


def _watch(
    database: Database, backend: SandboxBackend, handle: Handle, recorded: Recorded, on_step: Callable[[StepRow], object],
    deadline: float,
) -> tuple[SandboxEnd, int]:
    run_id, sandbox_id = recorded.run.id, recorded.sandbox.id
    after = -1
    poll_at = time.monotonic() + _POLL_SECONDS
    while True:
        # The end first: a step written after it was read belongs to the next round.
        with database.read() as tx:
            row = sandboxes.load(tx, sandbox_id)
            new = steps.after(tx, run_id, after)
        for step in new:
            on_step(step)
            after = step.sequence
        if row is not None and row.end is not None and not new:
            return row.end, after + 1
        now = time.monotonic()
        if now > deadline:
            backend.stop(handle, _STOP_SECONDS)
            return SandboxEnd(reason="timeout", text="it was stopped at its deadline"), after + 1
        if now > poll_at:
            poll_at = now + _POLL_SECONDS
            if backend.poll(handle).state != "running":
                with database.begin() as tx:
                    # The first word stands: one that came meanwhile is read in the next round.
                    sandboxes.ended(tx, sandbox_id, SandboxEnd(reason="lost", text="the sandbox died without a last word"))
        time.sleep(_LOOK_SECONDS)


def _remove(backend: SandboxBackend, handle: Handle | None) -> None:
    if handle is not None:
        backend.destroy(handle)


def _tree(place: Settings, recorded: Recorded, end: SandboxEnd) -> str | None:
    workspaces, row = Workspaces(place), recorded.sandbox
    result = result_of(
        workspaces.git, place.state_dir, recorded.run, end, row.id, workspaces.mirror(recorded.run.event.repo),
        row.assignment.bundle_limit_bytes,
    )
    return None if result is None else result.candidate.tree
