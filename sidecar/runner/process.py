"""The agent's process: started in a session of its own, watched, stopped, and everything it left behind with it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from .standard_input import StandardInput

PROXY_NAMES = frozenset({"http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "no_proxy"})
USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def environment(
    image: Mapping[str, str], assigned: Mapping[str, str], home: str, tools: str, path: Sequence[str] = ()
) -> dict[str, str]:
    """Return the agent's whole environment: the image's own, then the assignment's, HOME and PATH last.

    `path` and then `tools` end PATH, so that the image's programs win over ours; a proxy that the image names is left out, because
    it cannot be reached from in here.
    """
    usable = {name: value for name, value in image.items() if name != "LANG" and name.lower() not in PROXY_NAMES}
    kept = {"LANG": "C.UTF-8"} | usable | dict(assigned)
    own = [part for part in kept.get("PATH", USUAL_PATH).split(":") if part and part != tools]
    return kept | {"HOME": home, "PATH": ":".join([*own, *path, tools])}


class Agent:
    """The agent's command, running.

    Only its reaper thread waits for children, so that orphans which the kernel hands to PID 1 are taken too.
    `on_exit` is called once, with the exit code (128 + signal when one killed it).
    """

    def __init__(
        self, argv: list[str], *, env: dict[str, str], cwd: str, stdin: StandardInput | None, on_exit: Callable[[int], None]
    ) -> None:
        """Start it; without `stdin` its standard input is empty. Raises OSError when the command cannot be started."""
        self._popen = subprocess.Popen(
            argv, env=env, cwd=cwd, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL if stdin is None else stdin.reading_end, bufsize=0,
        )
        self._on_exit = on_exit
        self._reaper = threading.Thread(target=self._reap, name="reaper", daemon=True)
        self._reaper.start()

    @property
    def output(self) -> dict[str, IO[bytes]]:
        """Its output pipes by stream name."""
        pipes = {"stdout": self._popen.stdout, "stderr": self._popen.stderr}
        return {name: pipe for name, pipe in pipes.items() if pipe is not None}

    def signal(self, number: int) -> None:
        """Send a signal to its whole process group; a group that is gone is no error."""
        try:
            os.killpg(self._popen.pid, number)
        except ProcessLookupError:
            return

    def clear(self, patience_seconds: float) -> bool:
        """Kill everything that is left of it, daemons too, and return whether nothing remained."""
        deadline = time.monotonic() + patience_seconds
        while self._reaper.is_alive():
            kill_descendants()
            self._reaper.join(0.05)
            if time.monotonic() > deadline:
                return False
        return True

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, 0)
            except ChildProcessError:
                return
            if pid == self._popen.pid:
                code = os.waitstatus_to_exitcode(status)
                # Popen must not wait for a child that is gone.
                self._popen.returncode = code
                self._on_exit(code if code >= 0 else 128 - code)


def kill_descendants() -> None:
    """Kill every process below this one. As PID 1 that is everything in the namespace."""
    if os.getpid() == 1:
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            return
        return
    for pid in descendants(os.getpid()):
        try:
            os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def descendants(root: int) -> list[int]:
    """Return the processes below `root`, parents before their children."""
    children: dict[int, list[int]] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            stat = (process / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        parent = int(stat.rpartition(")")[2].split()[1])
        children.setdefault(parent, []).append(int(process.name))
    found: list[int] = []
    waiting = [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found
