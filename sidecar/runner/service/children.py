"""The processes of a service's container: started, waited for by one thread, orphans taken too."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO


class Children:
    """Starts processes; only its reaper waits for them, because the kernel hands every orphan to PID 1."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._codes: dict[int, int | None] = {}
        self._reaping = False

    def start(
        self, argv: Sequence[str], *, env: Mapping[str, str], cwd: str, output: int | IO[bytes]
    ) -> subprocess.Popen[bytes]:
        """Start one in a session of its own, both its outputs in one place. Raises OSError, ValueError."""
        with self._changed:
            started = subprocess.Popen(
                list(argv), env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True, bufsize=0,
            )
            self._codes[started.pid] = None
            if not self._reaping:
                self._reaping = True
                threading.Thread(target=self._reap, name="reaper", daemon=True).start()
        return started

    def wait(self, process: subprocess.Popen[bytes], timeout_seconds: float | None = None) -> int | None:
        """Return its exit code (128 + signal when one killed it), None when it still runs after the timeout."""
        with self._changed:
            self._changed.wait_for(lambda: self._codes[process.pid] is not None, timeout_seconds)
            code = self._codes[process.pid]
            if code is not None:
                # Popen must not wait for a child that is gone.
                process.returncode = code
            return code

    def kill(self, process: subprocess.Popen[bytes], number: int = signal.SIGKILL) -> None:
        """Send a signal to its process group; one that is gone, or has become another user's, is no error."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)

    def forget(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for it no more: whenever it ends, it is an orphan like any other."""
        with self._changed:
            del self._codes[process.pid]
            # Otherwise its own object would wait for it, in the reaper's place.
            process.returncode = 0

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, 0)
            except ChildProcessError:
                with self._changed:
                    if all(code is not None for code in self._codes.values()):
                        self._reaping = False
                        return
                continue
            code = os.waitstatus_to_exitcode(status)
            with self._changed:
                if pid in self._codes:
                    self._codes[pid] = code if code >= 0 else 128 - code
                    self._changed.notify_all()
