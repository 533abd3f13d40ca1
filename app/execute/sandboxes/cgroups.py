"""Control groups, version 1 and 2: where they are, limits for one sandbox, and what the kernel killed.

https://docs.kernel.org/admin-guide/cgroup-v2.html and https://docs.kernel.org/admin-guide/cgroup-v1/
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from app.core.isolation import Guarantee

PARENT = "bellhop"
_KEPT_BY: dict[str, Guarantee] = {"memory": "memory_limit", "pids": "pids_limit", "cpu": "cpu_limit"}
_CPU_PERIOD_US = 100_000


class Hierarchy(NamedTuple):
    """The mounted control groups of this host: controller -> mount point, and which version they are."""

    version: int
    mounts: dict[str, Path]


class Limits(NamedTuple):
    """The limits of one sandbox."""

    memory_bytes: int
    pids: int
    cpus: float


def find_hierarchy(mountinfo: str) -> Hierarchy:
    """Return the control groups that the text of /proc/self/mountinfo shows (none: version 0)."""
    first: dict[str, Path] = {}
    second: Path | None = None
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        mount_point = Path(before.split()[4])
        kind, _, options = after.split(" ", 2)
        if kind == "cgroup2":
            second = mount_point
        elif kind == "cgroup":
            first.update({name: mount_point for name in options.split(",") if name in _KEPT_BY})
    if first:
        return Hierarchy(1, first)
    if second is not None:
        return Hierarchy(2, dict.fromkeys(_KEPT_BY, second))
    return Hierarchy(0, {})


def usable(hierarchy: Hierarchy) -> Hierarchy:
    """Return what of `hierarchy` this process may set limits in, by trying to make its parent group."""
    found: dict[str, Path] = {}
    for controller, mount_point in hierarchy.mounts.items():
        try:
            parent = _parent(hierarchy, mount_point)
        except OSError:
            continue
        if hierarchy.version == 1 or controller in _read(parent / "cgroup.subtree_control").split():
            found[controller] = mount_point
    return Hierarchy(hierarchy.version, found)


def kept(hierarchy: Hierarchy) -> frozenset[Guarantee]:
    """Return the guarantees that limits in `hierarchy` keep."""
    return frozenset(_KEPT_BY[controller] for controller in hierarchy.mounts)


def make(hierarchy: Hierarchy, name: str, limits: Limits) -> list[Path]:
    """Make the groups of one sandbox, limits set, and return their directories. Raises OSError."""
    for controller, mount_point in hierarchy.mounts.items():
        directory = _parent(hierarchy, mount_point) / name
        directory.mkdir(exist_ok=True)
        for file, value, optional in _settings(hierarchy.version, controller, limits):
            try:
                (directory / file).write_text(value)
            except OSError:
                if not optional:
                    raise
    return places_of(hierarchy, name)


def places_of(hierarchy: Hierarchy, name: str) -> list[Path]:
    """Return where the groups of one sandbox are, each once."""
    return list(dict.fromkeys(mount_point / PARENT / name for mount_point in hierarchy.mounts.values()))


def oom_kills(directory: Path) -> int:
    """Return how often the kernel killed for want of memory in this memory group, 0 where it cannot be told."""
    for file in ("memory.events", "memory.oom_control"):
        for line in _read(directory / file).splitlines():
            key, _, value = line.partition(" ")
            if key == "oom_kill":
                return int(value)
    return 0


def memory_directory(pid: int, proc: Path) -> Path | None:
    """Return the memory group of a process of this host, or None."""
    hierarchy = find_hierarchy(_read(proc / "self" / "mountinfo"))
    mount_point = hierarchy.mounts.get("memory")
    if mount_point is None:
        return None
    for line in _read(proc / str(pid) / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(",") or (hierarchy.version == 2 and not controllers):
            return mount_point / path.lstrip("/")
    return None


def remove(directories: list[Path], timeout_seconds: float) -> bool:
    """Kill what is left in the groups and remove them; return whether all are gone in time."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        left = [directory for directory in directories if directory.is_dir() and not _removed(directory)]
        if not left:
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)


def _removed(directory: Path) -> bool:
    for pid in _read(directory / "cgroup.procs").split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    try:
        directory.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _parent(hierarchy: Hierarchy, mount_point: Path) -> Path:
    parent = mount_point / PARENT
    if hierarchy.version == 2:
        _delegate(mount_point)
    parent.mkdir(exist_ok=True)
    if hierarchy.version == 2:
        _delegate(parent)
    if not os.access(parent, os.W_OK):
        raise PermissionError(str(parent))
    return parent


def _delegate(directory: Path) -> None:
    """Let the groups below have the controllers: each by itself, as one that is missing fails the whole line."""
    enabled = _read(directory / "cgroup.subtree_control").split()
    for controller in _KEPT_BY:
        if controller not in enabled:
            with suppress(OSError):
                (directory / "cgroup.subtree_control").write_text(f"+{controller}")


def _settings(version: int, controller: str, limits: Limits) -> list[tuple[str, str, bool]]:
    """Return (file, value, optional) for one controller; swap accounting is not on every host."""
    memory = str(limits.memory_bytes)
    quota = str(int(limits.cpus * _CPU_PERIOD_US))
    table: dict[tuple[int, str], list[tuple[str, str, bool]]] = {
        (1, "memory"): [("memory.limit_in_bytes", memory, False), ("memory.memsw.limit_in_bytes", memory, True)],
        (1, "pids"): [("pids.max", str(limits.pids), False)],
        (1, "cpu"): [("cpu.cfs_period_us", str(_CPU_PERIOD_US), False), ("cpu.cfs_quota_us", quota, False)],
        (2, "memory"): [("memory.max", memory, False), ("memory.swap.max", "0", True)],
        (2, "pids"): [("pids.max", str(limits.pids), False)],
        (2, "cpu"): [("cpu.max", f"{quota} {_CPU_PERIOD_US}", False)],
    }
    return table[version, controller]


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
