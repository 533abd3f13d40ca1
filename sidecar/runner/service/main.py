"""A service's supervisor: it starts the image's own program, looks when it is up, and says so; no more.

It takes the place of an exec into the container from outside, which later would be one into whatever the agent has made
of it. It stays when the service has ended, so that somebody can be told how.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO

from ..guard import protect
from ..lines import LineSplitter
from ..syscalls import confine
from .children import Children
from .health import watch
from .order import Order
from .report import Report

READ_BYTES = 64 * 1024
KILLED = 128 + signal.SIGKILL
LAST_WORDS_SECONDS = 2.0


def main() -> int:
    """Run as the program of a service's container; it ends when it is told to."""
    protect()
    order = Order.read(sys.argv[1])
    report = Report(order.socket)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        confine()
        for directory in order.directories:
            with suppress(OSError):
                os.makedirs(directory.path, exist_ok=True)  # noqa: PTH103 - pathlib costs PID 1 milliseconds
                os.chown(directory.path, directory.uid, directory.gid)
            with suppress(OSError):
                os.chmod(directory.path, directory.mode)  # noqa: PTH101
        with suppress(OSError):
            os.makedirs(order.cwd, exist_ok=True)  # noqa: PTH103
        Service(order, report, stopped).run()
    except Exception as error:  # whatever breaks here, whoever asks is told
        report.failed(f"could not be started: {type(error).__name__}: {error}")
    stopped.wait()
    return 0


class Service:
    """The image's program, running."""

    def __init__(self, order: Order, report: Report, stopped: threading.Event) -> None:
        self._order = order
        self._report = report
        self._stopped = stopped
        self._children = Children()

    def run(self) -> None:
        """See it up, and to its end. Raises OSError, ValueError when it cannot be started."""
        order = self._order
        process = self._children.start(order.argv, env=order.env, cwd=order.cwd, output=subprocess.PIPE)
        reader = threading.Thread(target=self._read, args=(process.stdout,), name="output", daemon=True)
        reader.start()
        threading.Thread(target=self._forward, args=(process,), name="stop", daemon=True).start()
        threading.Thread(target=self._look, args=(process,), name="health", daemon=True).start()
        code = self._children.wait(process)
        # What it said last says why; a process that it left behind may hold the pipe open.
        reader.join(LAST_WORDS_SECONDS)
        why = "was killed, most likely for want of memory (`--memory`)" if code == KILLED else f"ended with exit code {code}"
        self._report.failed(why)

    def _look(self, process: subprocess.Popen[bytes]) -> None:
        why = watch(self._order, self._children, lambda: self._children.wait(process, 0) is None)
        if why:
            self._report.failed(f"did not come up: {why}")
        elif self._children.wait(process, 0) is None:
            self._report.healthy()

    def _forward(self, process: subprocess.Popen[bytes]) -> None:
        self._stopped.wait()
        self._children.kill(process, signal.SIGTERM)

    def _read(self, pipe: IO[bytes]) -> None:
        splitter = LineSplitter()
        while chunk := pipe.read(READ_BYTES):
            with suppress(OSError):
                # Where the engine keeps a container's output.
                os.write(1, chunk)
            self._report.said(splitter.feed(chunk))
        self._report.said(splitter.close())
