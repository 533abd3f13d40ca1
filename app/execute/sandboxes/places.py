"""Where things are inside every sandbox, whatever the backend."""

from __future__ import annotations

AGENT = "/agent"
GATEWAY = "/gateway"
WORKSPACE = "/workspace"
HOME = "/home/bellhop"
TMP = "/tmp"  # noqa: S108 - a mount point inside the sandbox
SHM = "/dev/shm"  # noqa: S108 - a mount point inside the sandbox

HOSTNAME = "bellhop"
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SHM_BYTES = 64 * 1024 * 1024
OPEN_FILES = 16_384  # below the hard limit of engines that may not raise it


def part(name: str) -> str:
    """Return where a part of the tooling is shown: beside the base, which need not know of it."""
    return f"{AGENT}-{name}"


def environment(given: dict[str, str]) -> dict[str, str]:
    """Return the whole environment of a sandbox: HOME, a PATH, and what the spec gives."""
    return {"PATH": DEFAULT_PATH, **given, "HOME": HOME}
