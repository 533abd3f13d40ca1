"""What a profile's `setup:` installs: a kept layer is found, or made in a sandbox of its own, whose end moves the run on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import structlog

from app.core.assignment import Assignment, LayerWish, Role, SandboxEnd
from app.core.profile import Profile
from app.core.run import Run
from app.core.sandbox.agent_config import AGENT_CONFIG, HOME_CONFIG
from app.core.sandbox.setup import Ground, Setup, layer_name
from app.errors import SetupFailed
from app.execute.agents.command import PROMPT_NAME
from app.execute.tooling.layout import SHELL
from app.execute.workspace.layers import DIRECTORY
from app.ledger import runs, sandboxes, steps
from app.ledger.runs import Lease
from app.ports import PreparedWorkspace, SandboxBackend
from app.publish.proposal import Proposal
from tasks.finishing.conclude import dismantle, refuse_if_cancelled, refuse_if_stopped
from tasks.finishing.target import BRANCHES
from tasks.parts import Parts
from tasks.replying.replies import say
from tasks.starting.door_rules import with_door
from tasks.starting.opening import open_sandbox, sandbox_uid

log = structlog.get_logger()

# Where every agent's own files are written in HOME: what a setup puts in their way would keep all runs that stand on it from beginning.
_OWN = (".bellhop", PROMPT_NAME)
_LAST_LINES = 15
_LAST_CHARS = 2000
# Title and command of each step in turn, each in a shell of its own.
_DRIVER = f"""\
while [ "$#" -gt 0 ]; do
  printf 'setup: %s\\n' "$1"
  {SHELL} -ec "$2" || {{ code=$?; printf 'setup: the step "%s" ended with exit code %s\\n' "$1" "$code" >&2; exit "$code"; }}
  shift 2
done
"""
_ENDS = {
    "timeout": "it ran out of time (`setup: timeout-minutes:`)",
    "idle": "it ran out of time (`setup: timeout-minutes:`)",
    "lost": "its sandbox died",
    "out_of_memory": "its sandbox ran out of memory (`container: memory-mb:`)",
    "disk": "it filled its disk (`container: disk-mb:`)",
}


class Names(NamedTuple):
    """The layers that a commit may stand on: one that all runs on that branch share, and one for runs on this commit alone."""

    shared: str
    private: str


def layer_for_work(parts: Parts, lease: Lease, run: Run, backend: SandboxBackend, setup: Setup, commit: str) -> str | None:
    """Return the layer that the agent is to stand on; None while it is being made. Raises SetupFailed, PublishRefused."""
    names = _names(parts, run, backend, setup, parts.workspaces.mirror(run.event.repo), commit)
    uid = sandbox_uid(run.profile)
    origin = parts.service(run.event).clone_url(run.event.repo)

    def prepare(sandbox_id: str) -> PreparedWorkspace:
        return parts.workspaces.prepare(run.event.repo, commit, sandbox_id, uid=uid, gid=uid, origin=origin)

    # Whoever may only propose a change makes no layer that others stand on: its own code runs while it is made.
    own = names.private if _may_be_of_others(run) else names.shared
    return _layer(parts, lease, run, backend, setup, "setup", (names.shared, names.private), own, prepare)


def layer_for_verify(parts: Parts, lease: Lease, run: Run, backend: SandboxBackend, setup: Setup, proposal: Proposal) -> str | None:
    """Return the layer that a result is verified on, the agent's where it changed nothing that counts; None while it is being made.

    Raises SetupFailed, PublishRefused.
    """
    base = _names(parts, run, backend, setup, parts.workspaces.mirror(run.event.repo), run.base_commit or proposal.base_commit)
    result = _names(parts, run, backend, setup, proposal.git_dir, proposal.commit)
    same = (base.private,) if result.shared == base.shared else ()
    uid = sandbox_uid(run.profile)

    def prepare(sandbox_id: str) -> PreparedWorkspace:
        return parts.workspaces.prepare_result(
            proposal.git_dir, proposal.commit, sandbox_id, uid=uid, gid=uid, branch=run.event.repo.default_branch
        )

    # An agent's result makes a layer for itself alone.
    return _layer(parts, lease, run, backend, setup, "setup-verify", (result.shared, *same, result.private), result.private, prepare)


def setup_of(parts: Parts, run: Run, role: Role) -> sandboxes.SandboxRow | None:
    """Return the run's sandbox of a setup, or None."""
    with parts.database.read() as tx:
        return sandboxes.load(tx, f"{run.id}-{role}")


def _layer(
    parts: Parts, lease: Lease, run: Run, backend: SandboxBackend, setup: Setup, role: Role, names: tuple[str, ...], own: str,
    prepare: Callable[[str], PreparedWorkspace],
) -> str | None:
    row = setup_of(parts, run, role)
    if row is not None and row.end is not None and row.state != "destroyed":
        # Which keeps what it has made.
        dismantle(parts, row)
    found = next((name for name in names if parts.workspaces.layers.find(name) is not None), None)
    if found is not None:
        if row is not None and row.end is None and row.state != "destroyed":
            # Another run's was quicker, while nobody minded this one.
            dismantle(parts, row)
        with parts.database.begin() as tx:
            runs.mark(tx, run.id, "set-up" if role == "setup" else "set-up-verify")
        log.info("layer_used", run_id=run.id, layer=found, role=role, is_new=row is not None)
        return found
    if row is not None and row.end is not None:
        raise _failed(parts, run, row.end, row.id)
    if row is None or row.state == "opening":
        _open(parts, lease, run, backend, setup, role, own, prepare)
    return None


def _open(
    parts: Parts, lease: Lease, run: Run, backend: SandboxBackend, setup: Setup, role: Role, own: str,
    prepare: Callable[[str], PreparedWorkspace],
) -> None:
    sandbox_id = f"{run.id}-{role}"
    if run.state != "preparing":
        with parts.database.begin() as tx:
            (refuse_if_stopped if role == "setup" else refuse_if_cancelled)(tx, run.id)
            runs.advance(tx, lease, "preparing")
            say(tx, parts, run, state="preparing")
    prepared = prepare(sandbox_id).model_copy(update={"needs_overlay": True})
    assignment = with_door(setup_assignment(run.id, run.profile, setup, role, own), run, parts.registries)
    open_sandbox(parts, lease, run, backend, sandbox_id, "command", assignment, prepared)


def setup_assignment(run_id: str, profile: Profile, setup: Setup, role: Role, name: str) -> Assignment:
    """Return what a setup sandbox is to do, and what of it is kept as the layer `name`."""
    seconds = setup.timeout_minutes * 60
    words = [word for step in setup.steps for word in (step.title, step.run)]
    return Assignment(
        run_id=run_id, role=role, argv=(SHELL, "-c", _DRIVER, "bellhop-setup", *words), env=profile.env,
        timeout_seconds=seconds, idle_timeout_seconds=seconds,
        layer=LayerWish(name=name, directory=DIRECTORY, leaves_out=AGENT_CONFIG, home_leaves_out=(*HOME_CONFIG, *_OWN)),
    )


def _names(parts: Parts, run: Run, backend: SandboxBackend, setup: Setup, git_dir: Path, commit: str) -> Names:
    event, profile = run.event, run.profile
    # Of a pull request the branch that it is for: what stands on that was made of commits that people have taken in.
    branch = (profile.branch or event.repo.default_branch) if event.pull is None else event.pull.base_ref
    ground = Ground(
        repo=f"{event.source}:{event.repo.id}", branch=branch, backend=backend.name, made_of=backend.made_of(profile.container),
        uid=sandbox_uid(profile), env=profile.env, registries=profile.egress.registries, connect=profile.egress.connect, setup=setup,
    )
    files = parts.workspaces.files(git_dir, commit)
    return Names(layer_name(ground, files), layer_name(ground, files, private_to=commit))


def _may_be_of_others(run: Run) -> bool:
    """Return whether the commit that a run works at may be by somebody who could not put it on a branch of the team's, an agent among them."""
    return run.event.pull is not None or run.event.is_from_fork or (run.profile.branch or "").startswith(BRANCHES)


def _failed(parts: Parts, run: Run, end: SandboxEnd, sandbox_id: str) -> SetupFailed:
    lines = last_lines(parts, run, sandbox_id)
    why = _ENDS.get(end.reason) or (end.text if end.reason != "exited" else f"exit code {end.exit_code}")
    if end.reason == "exited" and end.exit_code == 0:
        why = "what it had installed was not kept: ring again"
    text = f"`setup:` failed: {why}"
    if lines:
        text += f"\n\nIts last lines:\n{lines}"
    error = SetupFailed(text)
    if end.reason in ("lost", "out_of_memory", "disk"):
        error.who = "operator"
    return error


def last_lines(parts: Parts, run: Run, sandbox_id: str) -> str:
    """Return the end of what a setup has printed."""
    with parts.database.read() as tx:
        said = steps.of_sandbox(tx, run.id, sandbox_id)
    printed = [step.text.rstrip() for step in said if step.data.get("stream") not in ("runner", "gateway")]
    return "\n".join(printed[-_LAST_LINES:])[-_LAST_CHARS:]
