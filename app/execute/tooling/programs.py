"""Running the host's own tools (apt-get, dpkg-deb, patchelf, pip), each with a limit and a readable error."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from app.errors import ToolingError

NEEDED = {
    "apt-get": "it comes with Debian and Ubuntu; on another system build the tree inside a Debian container",
    "dpkg-deb": "it comes with Debian and Ubuntu; on another system build the tree inside a Debian container",
    "patchelf": "install it with `apt-get install patchelf`",
}


def run(argv: tuple[str, ...], *, timeout_seconds: float, cwd: Path | None = None) -> bytes:
    """Run a program to its end and return what it printed on standard output.

    Raises ToolingError: `tool_failed` (its last words in the message), `tool_timeout`, `tool_missing`.
    """
    try:
        done = subprocess.run(argv, cwd=cwd, capture_output=True, timeout=timeout_seconds, stdin=subprocess.DEVNULL, check=False)
    except subprocess.TimeoutExpired as error:
        raise ToolingError(
            f"`{shown(argv)}` did not end within {timeout_seconds:.0f} s: look whether the network or the disk hangs, then try again",
            reason="tool_timeout", retryable=True,
        ) from error
    except FileNotFoundError as error:
        raise ToolingError(f"`{argv[0]}` is not installed", reason="tool_missing") from error
    if done.returncode != 0:
        last_words = done.stderr.decode(errors="replace").strip()[-1500:]
        raise ToolingError(f"`{shown(argv)}` failed ({done.returncode}): {last_words}", reason="tool_failed")
    return done.stdout


def shown(argv: tuple[str, ...]) -> str:
    """Return a command line short enough for a message."""
    return " ".join(argv[:6]) + (" ..." if len(argv) > 6 else "")


def check_host(machine: str | None = None, needed: Mapping[str, str] = NEEDED) -> None:
    """Refuse a host that cannot build or use the tree; `needed` is program -> how to get it.

    Raises ToolingError: `architecture` (anything but x86-64), `tool_missing` (with how to mend it).
    """
    machine = machine or platform.machine()
    if machine not in ("x86_64", "amd64"):
        raise ToolingError(
            f"the /agent tree is built for x86-64 only, and this host is {machine}: run the worker on an x86-64 host",
            reason="architecture",
        )
    for program, mend in needed.items():
        if shutil.which(program) is None:
            raise ToolingError(f"`{program}` is needed to build the /agent tree and is not here: {mend}", reason="tool_missing")
