"""Whether the kernel killed anything in a container for want of memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.execute.sandboxes.cgroups import memory_directory, oom_kills


def killed_for_memory(container: dict[str, Any]) -> bool:
    """Return whether the memory limit struck, in PID 1 or below.

    `container` is what the engine's inspection says. While it runs, the host's own counters tell; afterwards the
    engine's word is all there is. A worker in a container of its own sees other processes under the engine's
    numbers, so only a group that bears the container's id counts.
    """
    state = container["State"]
    if state.get("OOMKilled"):
        return True
    pid = int(state.get("Pid") or 0)
    directory = memory_directory(pid, Path("/proc")) if pid > 0 else None
    return directory is not None and str(container["Id"]) in str(directory) and oom_kills(directory) > 0
