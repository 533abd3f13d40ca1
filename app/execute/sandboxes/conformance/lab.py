"""Where a check starts sandboxes: workspaces, doors and a deadline for everything, all gone afterwards."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from app.core.profile import Container
from app.ports import Handle, PreparedWorkspace, SandboxBackend, SandboxSpec, SandboxStatus

WAIT_SECONDS = 60.0
# Checks speak by exit code: no channel is needed, and no file of a sandbox is read. 0 is good.
PRELUDE = "B=/agent/bin/busybox\n"


class CheckFailed(AssertionError):
    """A guarantee does not hold, or the port's contract is broken."""


class Subject(NamedTuple):
    """What is put to the test: how to open the backend anew, and what to run in it.

    `room` is an empty directory of this host; `tooling` is shown at /agent and holds `bin/busybox`, static;
    `image` is the image's name, None for a backend without images; `uid` is the sandboxes' user; `shown` are
    further places that may be mounted read-only (the prefix of a tooling's interpreter).
    """

    open_backend: Callable[[], SandboxBackend]
    room: Path
    tooling: str
    image: str | None
    uid: int = 10_001
    shown: tuple[str, ...] = ()


class Cell(NamedTuple):
    """One started sandbox."""

    backend: SandboxBackend
    spec: SandboxSpec
    handle: Handle

    def status(self) -> SandboxStatus:
        """Return what the backend sees of it."""
        return self.backend.poll(self.handle)

    def wait(self, timeout_seconds: float = WAIT_SECONDS) -> SandboxStatus:
        """Return its status once it does not run any more."""
        deadline = time.monotonic() + timeout_seconds
        while (status := self.status()).state == "running":
            if time.monotonic() > deadline:
                raise CheckFailed(f"it still runs after {timeout_seconds:.0f} s")
            time.sleep(0.02)
        return status

    def expect(self, meanings: Mapping[int, str]) -> None:
        """Wait for it and fail unless it exits 0; `meanings` says what its other exit codes tell."""
        status = self.wait()
        if status.state == "exited" and status.exit_code == 0:
            return
        known = meanings.get(status.exit_code if status.exit_code is not None else -1)
        raise CheckFailed(known or f"the probe broke off: {status!r}")


class Lab:
    """Use it as a context; leaving it destroys every sandbox that was started in it."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self._backends: list[SandboxBackend] = []
        self.backend = self.another_worker()
        self._cells: list[Cell] = []
        self._places: list[Path] = []

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for cell in self._cells:
            self.backend.destroy(cell.handle)
        for place in self._places:
            shutil.rmtree(place, ignore_errors=True)
        for backend in self._backends:
            close = getattr(backend, "close", None)
            if close is not None:
                close()

    def another_worker(self) -> SandboxBackend:
        """Return a new backend object, as a new process would have."""
        backend = self.subject.open_backend()
        self._backends.append(backend)
        return backend

    def start(self, script: str, **changes: Any) -> Cell:
        """Start a sandbox that runs `script` in busybox's shell; `changes` are members of SandboxSpec."""
        return self.launch(self.spec(script, **changes))

    def launch(self, spec: SandboxSpec) -> Cell:
        """Start a sandbox by its spec."""
        cell = Cell(self.backend, spec, self.backend.create(spec))
        self._cells.append(cell)
        return cell

    def spec(self, script: str, **changes: Any) -> SandboxSpec:
        """Return the spec of such a sandbox, its workspace and door made."""
        sandbox_id = f"conf-{secrets.token_hex(5)}-work"
        place = self.place(sandbox_id)
        settings: dict[str, Any] = {
            "id": sandbox_id,
            "run_id": sandbox_id.removesuffix("-work"),
            "door": place / "door",
            "workspace": self.workspace(place),
            "tooling": self.subject.tooling,
            "container": self.container(),
            "uid": self.subject.uid,
            "argv": ("/agent/bin/busybox", "sh", "-c", PRELUDE + script),
            "ttl_seconds": 300.0,
        }
        return SandboxSpec(**(settings | changes))

    def container(self, **changes: Any) -> Container:
        """Return small limits, so that reaching them is cheap."""
        small = {"image": self.subject.image, "memory_mb": 256, "cpus": 2.0, "pids": 128, "tmp_mb": 8, "disk_mb": 16}
        return Container(**(small | changes))

    def place(self, name: str) -> Path:
        """Make and return a directory that is removed when the lab is left, with a `door` in it."""
        place = self.subject.room / name
        (place / "door").mkdir(parents=True)
        (place / "door").chmod(0o777)  # so that nothing but the mount keeps a sandbox from writing there
        self._places.append(place)
        return place

    def workspace(self, place: Path, lower: Path | None = None) -> PreparedWorkspace:
        """Make a workspace in `place`: a checkout with `given.txt` (unless `lower` is one) and empty scratch."""
        if lower is None:
            lower = place / "lower"
            lower.mkdir()
            (lower / "given.txt").write_text("given\n")
            self.own(lower, lower / "given.txt")
        scratch = place / "scratch"
        for name in ("upper", "work", "home"):
            (scratch / name).mkdir(parents=True)
        self.own(scratch / "upper", scratch / "home")
        return PreparedWorkspace(lower=lower, scratch=scratch, base_commit="0" * 40)

    def own(self, *paths: Path) -> None:
        """Give files to the sandboxes' user, which only root can do and only root needs."""
        if os.geteuid() == 0:
            for path in paths:
                os.chown(path, self.subject.uid, self.subject.uid)


class Check(NamedTuple):
    """One named check. `guarantee` is what it proves; None: a duty of every backend."""

    name: str
    guarantee: str | None
    run: Callable[[Lab], None]
