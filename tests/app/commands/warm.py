"""A `bellhop` that is loaded once and forks for each command: loading takes longer than most of the commands do.

    python -m tests.app.commands.warm DESCRIPTOR

Each command is a process of its own all the same, with its own environment, streams and end. That nothing happens when our modules
are imported, and which of them a verb loads, have tests of their own (tests/house, test_cli_look.py), in processes started anew.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
MOST_BYTES = 1 << 17
# docker-py leaves a socket open when no engine answers.
WARNINGS = ("-W", "error", "-W", "ignore::ResourceWarning")


class Warm:
    """The test's end. Started with the first command; `close` ends it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._line: socket.socket | None = None
        self._child: subprocess.Popen[bytes] | None = None

    def run(self, arguments: Sequence[str], environment: Mapping[str, str], seconds: float = 60.0) -> tuple[int, str, str]:
        """Run one command; return its exit code and what it has printed. Raises TimeoutError, RuntimeError when it was not loaded."""
        with self._lock, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            line = self._line or self._start()
            line.settimeout(seconds)
            asked = json.dumps({"arguments": [*arguments], "environment": dict(environment)}).encode()
            try:
                socket.send_fds(line, [asked], [out.fileno(), err.fileno()])
                answer = line.recv(64)
            except TimeoutError:
                self._end()
                raise
            if not answer:
                self._end()
                raise RuntimeError("the commands could not be loaded; stderr says why")
            out.seek(0)
            err.seek(0)
            return int(answer), out.read().decode(), err.read().decode()

    def close(self) -> None:
        """End it."""
        with self._lock:
            self._end()

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONDONTWRITEBYTECODE") if name in os.environ}
        with theirs:
            self._child = subprocess.Popen(
                [sys.executable, *WARNINGS, "-m", __name__, str(theirs.fileno())], cwd=ROOT, env=kept, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, pass_fds=(theirs.fileno(),), start_new_session=True,
            )
        self._line = ours
        return ours

    def _end(self) -> None:
        if self._line is not None and self._child is not None:
            self._line.close()
            # A command that hangs goes with it.
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait(30)
        self._line = self._child = None


def serve(line: socket.socket) -> list[str] | None:
    """Fork for each command. Returns its arguments in the new process, and None when no more are asked for."""
    while True:
        asked, descriptors, _, _ = socket.recv_fds(line, MOST_BYTES, 2)
        if not asked:
            return None
        wanted = json.loads(asked)
        pid = os.fork()
        if pid == 0:
            for stream, descriptor in zip((1, 2), descriptors, strict=True):
                os.dup2(descriptor, stream)
                os.close(descriptor)
            os.environ.clear()
            os.environ.update(wanted["environment"])
            return list(wanted["arguments"])
        for descriptor in descriptors:
            os.close(descriptor)
        line.sendall(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())


def load() -> None:
    """Import what the verbs import."""
    commands = importlib.import_module("app.commands")
    for module in pkgutil.iter_modules(commands.__path__, "app.commands."):
        importlib.import_module(module.name)
    for name in ("app.embedded", "app.demo.show", "app.ledger.schema", "psycopg", "sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql.psycopg"):
        importlib.import_module(name)


def ended() -> int:
    """Do what the arguments say; return the exit code once threads, exit handlers and streams are done with, as Python does.

    Taking all the modules down again would take longer than the rest.
    """
    from app.cli import main

    code: object = 0
    try:
        main()
    except SystemExit as error:
        code = error.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    if isinstance(code, str):
        sys.stderr.write(f"{code}\n")
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else 1


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as asked_here:
        load()
        gc.freeze()
        given = serve(asked_here)
    if given is not None:
        sys.argv = [str(ROOT / "app" / "cli.py"), *given]
        os._exit(ended())
