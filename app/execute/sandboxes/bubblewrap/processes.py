"""Processes of this host, told apart from later ones with the same number."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from app.core.noun import Noun


class Process(Noun):
    """One process: its number, its start in clock ticks since boot, and that boot."""

    pid: int
    started_ticks: int
    boot_id: str


def identify(pid: int) -> Process | None:
    """Return the process that has this number now, or None; a zombie counts as none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    # The second field is the program's name in brackets, and may hold anything: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    fields = stat.rpartition(")")[2].split()
    if fields[0] in {"Z", "X"}:
        return None
    return Process(pid=pid, started_ticks=int(fields[19]), boot_id=boot_id)


def alive(process: Process) -> bool:
    """Return whether this very process still runs."""
    return identify(process.pid) == process


def kill(process: Process, signal_number: signal.Signals) -> None:
    """Send a signal to this very process; one that is gone is no error."""
    if alive(process):
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal_number)


def wait_until(condition: Callable[[], bool], timeout_seconds: float) -> bool:
    """Return whether `condition` came true in time."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True
