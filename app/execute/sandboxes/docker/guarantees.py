"""What each runtime keeps, less what an engine says it cannot enforce; pure."""

from __future__ import annotations

from typing import Any

from app.core.isolation import Guarantee

_BOTH: frozenset[Guarantee] = frozenset(
    {
        "no_network", "own_processes", "own_root", "readonly_root", "no_capabilities", "unprivileged_user",
        "pids_limit", "memory_limit", "cpu_limit", "tmp_limit",
    }
)

# runsc passes over the container's seccomp profile (unless started with --oci-seccomp): its kernel serves the
# system calls itself and is under a filter of its own, so `own_kernel` stands in the place of `seccomp`.
# Under runsc a sandbox that passes its pids limit ends as a whole: the limit counts host tasks of its kernel.
KEPT_BY: dict[str, frozenset[Guarantee]] = {
    "runc": _BOTH | {"seccomp"},
    "runsc": _BOTH | {"own_kernel"},
}

_NEEDS: dict[str, Guarantee] = {
    "MemoryLimit": "memory_limit",
    "PidsLimit": "pids_limit",
    "CpuCfsQuota": "cpu_limit",
}


def kept(runtime: str, info: dict[str, Any]) -> frozenset[Guarantee]:
    """Return the guarantees of `runtime` on the engine whose `docker info` this is."""
    lost: set[Guarantee] = {guarantee for key, guarantee in _NEEDS.items() if not info.get(key)}
    profiles = [str(option) for option in info.get("SecurityOptions") or []]
    if not any(option.startswith("name=seccomp") and "unconfined" not in option for option in profiles):
        lost.add("seccomp")
    return KEPT_BY[runtime] - lost
