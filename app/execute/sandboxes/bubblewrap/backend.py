"""Sandboxes as bubblewrap processes (level `process`): the host's own programs, its kernel, no daemon."""

from __future__ import annotations

import fcntl
import hashlib
import re
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.core.isolation import Isolation
from app.core.profile import Container
from app.errors import SandboxRefused, SandboxUnavailable
from app.execute.sandboxes import cgroups, places, workspaces
from app.execute.sandboxes.bubblewrap import binds, machine, processes
from app.execute.sandboxes.bubblewrap.command import Build, Plan, command
from app.execute.sandboxes.bubblewrap.record import Record, Room
from app.execute.sandboxes.options import BackendOptions
from app.execute.sandboxes.service_support import no_services
from app.ports import Handle, SandboxSpec, SandboxStatus

START_SECONDS = 20.0
END_SECONDS = 10.0
EXIT_CODE_SECONDS = 1.0
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,80}")


class BubblewrapSandboxes:
    """One bwrap per sandbox; a record below `directory` is all that a worker needs to attach again.

    `spec.tooling` is a host directory here. The sandbox's own output goes nowhere: the runner speaks by the door.
    """

    name = "bubblewrap"
    isolation: Isolation = "process"
    has_services = False

    def __init__(self, directory: Path, here: machine.Machine, build: Build = command) -> None:
        self._build = build
        self.guarantees = here.guarantees
        self._directory = directory
        self._machine = here
        self._overlay_impossible = not here.root
        self.has_overlays = here.root

    def check(self) -> str:
        """Return the version and what is missing here. Raises SandboxUnavailable with how to mend it."""
        version = machine.require(self._machine)
        who = "as root, sandboxes with a uid of their own" if self._machine.root else "without root"
        limits = ", ".join(sorted(cgroups.kept(self._machine.groups))) or "none"
        return f"{version}, {who}; limits by control groups: {limits}"

    def create(self, spec: SandboxSpec) -> Handle:
        """Start the sandbox, detached; a second call for the same id finds the first.

        Raises SandboxUnavailable (bubblewrap, workspace or tooling), SandboxRefused (root or services asked).
        """
        if spec.uid <= 0:
            raise SandboxRefused("a sandbox never runs as root: set `container: user:` to another uid", reason="root_user")
        if spec.services:
            raise no_services(self.name)
        room = self._room(spec.id)
        with _locked(room.directory.with_suffix(".lock")):
            record = room.load() or self._adopt(room)
            if record is None:
                workspaces.require(spec.workspace)
                record = self._start(spec, room)
        return record.model_dump(mode="json")

    def made_of(self, container: Container) -> str:
        """Return which system this host has: its own programs are the sandbox's; raises nothing."""
        try:
            return f"host {hashlib.sha256(Path('/etc/os-release').read_bytes()).hexdigest()[:16]}"
        except OSError:
            return "host"

    def poll(self, handle: Handle) -> SandboxStatus:
        """Return what its processes and its exit status say; raises nothing."""
        record, room = self._attach(handle)
        out_of_memory = any(cgroups.oom_kills(Path(group)) > 0 for group in record.cgroups)
        if processes.alive(record.init):
            return SandboxStatus(state="running", out_of_memory=out_of_memory)
        if not room.directory.is_dir():
            return SandboxStatus(state="gone")
        monitor = record.monitor
        if monitor is not None:
            processes.wait_until(
                lambda: room.said("exit-code") is not None or not processes.alive(monitor), EXIT_CODE_SECONDS
            )
        return SandboxStatus(state="exited", exit_code=room.said("exit-code"), out_of_memory=out_of_memory)

    def stop(self, handle: Handle, grace_seconds: float) -> None:
        """Send TERM to its PID 1, then KILL after the grace, which takes all of its processes along."""
        record, _ = self._attach(handle)
        processes.kill(record.init, signal.SIGTERM)
        if not processes.wait_until(lambda: not processes.alive(record.init), grace_seconds):
            self._kill(record)

    def destroy(self, handle: Handle) -> None:
        """Kill what runs, remove its control groups and its directory. Raises SandboxUnavailable."""
        record, room = self._attach(handle)
        self._kill(record)
        if not cgroups.remove([Path(group) for group in record.cgroups], END_SECONDS):
            raise SandboxUnavailable(f"the control groups of {record.id} do not empty: {', '.join(record.cgroups)}")
        shutil.rmtree(room.directory, ignore_errors=True)
        room.directory.with_suffix(".lock").unlink(missing_ok=True)

    def find(self) -> dict[str, Handle]:
        """Return every sandbox that was started here, its record written or not; raises nothing."""
        places_here = sorted(self._directory.iterdir()) if self._directory.is_dir() else []
        rooms = [Room(place) for place in places_here if place.is_dir()]
        records = [record for room in rooms if (record := room.load() or self._started(room)) is not None]
        return {record.id: record.model_dump(mode="json") for record in records}

    def _room(self, sandbox_id: str) -> Room:
        if not _ID.fullmatch(sandbox_id):
            raise SandboxRefused(f"`{sandbox_id}` is no name for a sandbox: lower-case letters, digits and dashes")
        return Room(self._directory / sandbox_id)

    def _attach(self, handle: Handle) -> tuple[Record, Room]:
        record = Record.model_validate(handle)
        return record, self._room(record.id)

    def _start(self, spec: SandboxSpec, room: Room) -> Record:
        # Where only an overlay will do, it is tried: one failure long ago may have been of that day.
        is_hopeless = self._overlay_impossible and not (spec.workspace.needs_overlay and self._machine.root)
        overlay = None if is_hopeless else workspaces.overlay_options(spec.workspace)
        if (spec.workspace.scratch / "copy").is_dir():
            overlay = None
        if overlay is None:
            workspaces.refuse_copy(spec.workspace)
        plan = self._plan(spec, room, overlay)
        room.prepare(spec.uid, spec.run_id)
        failure = _launch(self._build(spec, room, plan), room)
        record = self._started(room)
        if failure is None and record is not None:
            room.save(record)
            return record
        self._clear(room)
        if overlay is not None and failure is not None and "mount:" in failure:
            workspaces.refuse_copy(spec.workspace, failure)
            self._overlay_impossible = True
            return self._start(spec, room)
        raise SandboxUnavailable(
            f"bubblewrap did not start: {failure or 'it reported nothing'}; run `bellhop doctor`", reason="start_failed"
        )

    def _plan(self, spec: SandboxSpec, room: Room, overlay: str | None) -> Plan:
        here = self._machine
        box = spec.container
        limits = cgroups.Limits(box.memory_mb * 1024 * 1024, box.pids, box.cpus)
        try:
            groups = cgroups.make(here.groups, spec.id, limits)
        except OSError as error:
            raise SandboxUnavailable(f"no control group can be made: {error}", reason="control_group") from error
        workspace = room.workspace if overlay is not None else workspaces.copy(spec.workspace)
        home_overlay = workspaces.home_options(spec.workspace)
        hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        return Plan(
            root=here.root,
            host=binds.of_host(),
            tooling_binds=binds.of_tooling(Path(spec.tooling)),
            cgroups=tuple(str(group) for group in groups),
            overlay=overlay,
            home_overlay=home_overlay,
            workspace=str(workspace),
            home=str(spec.workspace.scratch / "home" if home_overlay is None else room.home),
            open_files=places.OPEN_FILES if hard_limit == resource.RLIM_INFINITY else min(places.OPEN_FILES, hard_limit),
            processes=box.pids if here.root and "pids" not in here.groups.mounts else None,
            no_nested_users=not here.root and machine.can_forbid_nested_users(),
        )

    def _adopt(self, room: Room) -> Record | None:
        """Find the sandbox of a worker that died between starting it and writing its record."""
        if not room.launcher.exists():
            return None
        processes.wait_until(lambda: room.said("child-pid") is not None or not _launching(room), START_SECONDS)
        record = self._started(room)
        if record is None:
            self._clear(room)
        else:
            room.save(record)
        return record

    def _started(self, room: Room) -> Record | None:
        """Return the record of what a launch in `room` started, or None where it got nowhere (yet)."""
        init_pid, launcher_pid = room.said("child-pid"), _launcher_pid(room)
        if init_pid is None:
            return None
        # One that has ended meanwhile is on record all the same: start tick 0 matches no process.
        init = processes.identify(init_pid) or processes.Process(pid=init_pid, started_ticks=0, boot_id="")
        monitor = processes.identify(launcher_pid) if launcher_pid is not None else None
        return Record(
            id=room.directory.name, run_id=room.run_id.read_text(), init=init, monitor=monitor,
            cgroups=tuple(str(group) for group in self._groups(room)),
        )

    def _groups(self, room: Room) -> list[Path]:
        return cgroups.places_of(self._machine.groups, room.directory.name)

    def _kill(self, record: Record) -> None:
        for process in (record.init, record.monitor):
            if process is None:
                continue
            processes.kill(process, signal.SIGKILL)
            if not processes.wait_until(lambda process=process: not processes.alive(process), END_SECONDS):  # type: ignore[misc]
                raise SandboxUnavailable(
                    f"process {process.pid} of the sandbox {record.id} does not die: it hangs in the kernel, look at "
                    "its disk",
                    reason="unkillable",
                )

    def _clear(self, room: Room) -> None:
        cgroups.remove(self._groups(room), END_SECONDS)
        shutil.rmtree(room.directory, ignore_errors=True)


def _launch(arguments: list[str], room: Room) -> str | None:
    """Start it and wait until PID 1 exists; return None, or what the launch said when it failed."""
    try:
        with room.log.open("wb") as log:
            subprocess.run(
                arguments, check=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=START_SECONDS, cwd="/",
                env={"PATH": places.DEFAULT_PATH},
            )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    processes.wait_until(lambda: room.said("child-pid") is not None or not _launching(room), START_SECONDS)
    if room.said("child-pid") is not None:
        return None
    return room.log.read_text(errors="replace").strip()[:500] or "it reported nothing"


def _launching(room: Room) -> bool:
    """Return whether the launch may still get somewhere: it has not begun, or its process lives."""
    pid = _launcher_pid(room)
    return pid is None or processes.identify(pid) is not None


def _launcher_pid(room: Room) -> int | None:
    try:
        return int(room.launcher.read_text())
    except (OSError, ValueError):
        return None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one create at a time work on one sandbox, whichever process it is in."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def open_bubblewrap(options: BackendOptions) -> BubblewrapSandboxes:
    """Return the backend of level `process`; what it keeps depends on whether this process is root."""
    return BubblewrapSandboxes(options.state_dir / "bubblewrap", machine.look())
