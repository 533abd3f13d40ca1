"""A backend that runs nothing, in misbehaving kinds: for tests of whoever minds sandboxes."""

from __future__ import annotations

import threading
from typing import Literal

from app.core.isolation import Guarantee, Isolation
from app.core.profile import Container
from app.errors import SandboxUnavailable
from app.execute.sandboxes.options import BackendOptions
from app.ports import Handle, SandboxSpec, SandboxStatus

Kind = Literal["ends", "slow", "never_ends", "dies", "out_of_memory", "vanishes", "unavailable"]


class FakeSandboxes:
    """Sandboxes that exist in memory only; `kind` says how the next ones behave.

    `ends` exits 0 at once; `slow` takes `start_seconds` to start, then ends; `never_ends` runs until it is stopped;
    `dies` exits 137 at once; `out_of_memory` likewise, by the memory limit; `vanishes` leaves no trace after its
    start; `unavailable` cannot be created. `created`, `stopped` and `destroyed` list sandbox ids in order.
    """

    name = "fake"
    isolation: Isolation = "process"
    has_services = False
    has_overlays = True

    def __init__(self, kind: Kind = "ends", *, start_seconds: float = 0.2) -> None:
        self.kind = kind
        self.start_seconds = start_seconds
        self.guarantees: frozenset[Guarantee] = frozenset()
        self.created: list[str] = []
        self.stopped: list[str] = []
        self.destroyed: list[str] = []
        self._alive: dict[str, Kind] = {}
        self._lock = threading.Lock()

    def check(self) -> str:
        """Return one line. Raises SandboxUnavailable for the kind `unavailable`."""
        self._require()
        return f"fake sandboxes that run nothing ({self.kind})"

    def create(self, spec: SandboxSpec) -> Handle:
        """Note the sandbox; a second call for the same id finds the first. Raises SandboxUnavailable."""
        self._require()
        if self.kind == "slow":
            threading.Event().wait(self.start_seconds)
        with self._lock:
            if spec.id not in self._alive:
                self._alive[spec.id] = self.kind
                self.created.append(spec.id)
        return {"backend": self.name, "id": spec.id}

    def made_of(self, container: Container) -> str:
        """Return the image's name; raises nothing."""
        return f"fake {container.image}"

    def poll(self, handle: Handle) -> SandboxStatus:
        """Return what its kind says. Raises SandboxUnavailable for the kind `unavailable`."""
        self._require()
        sandbox_id = str(handle["id"])
        kind = self._alive.get(sandbox_id)
        if kind is None or kind == "vanishes":
            return SandboxStatus(state="gone")
        if sandbox_id in self.stopped:
            return SandboxStatus(state="exited", exit_code=137)
        if kind == "never_ends":
            return SandboxStatus(state="running")
        if kind in {"dies", "out_of_memory"}:
            return SandboxStatus(state="exited", exit_code=137, out_of_memory=kind == "out_of_memory")
        return SandboxStatus(state="exited", exit_code=0)

    def stop(self, handle: Handle, grace_seconds: float) -> None:
        """End it at once. Raises SandboxUnavailable for the kind `unavailable`."""
        del grace_seconds
        self._require()
        with self._lock:
            if str(handle["id"]) in self._alive and str(handle["id"]) not in self.stopped:
                self.stopped.append(str(handle["id"]))

    def destroy(self, handle: Handle) -> None:
        """Forget it. Raises SandboxUnavailable for the kind `unavailable`."""
        self._require()
        with self._lock:
            if self._alive.pop(str(handle["id"]), None) is not None:
                self.destroyed.append(str(handle["id"]))

    def find(self) -> dict[str, Handle]:
        """Return all that were created and not destroyed. Raises SandboxUnavailable for the kind `unavailable`."""
        self._require()
        with self._lock:
            return {sandbox_id: {"backend": self.name, "id": sandbox_id} for sandbox_id in self._alive}

    def _require(self) -> None:
        if self.kind == "unavailable":
            raise SandboxUnavailable("the fake machinery is switched off: choose another kind")


def open_fake(options: BackendOptions) -> FakeSandboxes:
    """Return fake sandboxes that end at once."""
    del options
    return FakeSandboxes()
