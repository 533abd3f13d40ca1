"""One child process with a deadline and a bound on what it may say; its whole process group ends with it."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import IO, NamedTuple

_STDERR_BYTES = 64 * 1024
GRACE_SECONDS = 2.0


class CommandEnd(NamedTuple):
    """`truncated` and `timed_out` mean that the process group was killed; `stderr` keeps its last 64 KiB."""

    code: int
    stdout: bytes
    stderr: bytes
    truncated: bool
    timed_out: bool


def run_bounded(
    argv: Sequence[str], *, env: Mapping[str, str], stdin: IO[bytes], timeout_seconds: float, limit_bytes: int
) -> CommandEnd:
    """Run `argv` with exactly `env` and return how it ended. Raises FileNotFoundError when there is no such command."""
    deadline = time.monotonic() + timeout_seconds
    out, err = bytearray(), bytearray()
    truncated = timed_out = False
    with subprocess.Popen(
        argv, env=dict(env), stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/", start_new_session=True
    ) as process:
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(_pipe(process.stdout), selectors.EVENT_READ, out)
                selector.register(_pipe(process.stderr), selectors.EVENT_READ, err)
                while selector.get_map() and not truncated:
                    left = deadline - time.monotonic()
                    if left <= 0:
                        timed_out = True
                        break
                    for key, _ in selector.select(left):
                        chunk = os.read(key.fd, 65536)
                        if not chunk:
                            selector.unregister(key.fileobj)
                        key.data.extend(chunk)
                    del err[:-_STDERR_BYTES]
                    truncated = len(out) > limit_bytes
            if not (timed_out or truncated):
                timed_out = not _ended_by(process, deadline)
        finally:
            _end_group(process)
    return CommandEnd(process.returncode, bytes(out[:limit_bytes]), bytes(err), truncated, timed_out)


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise RuntimeError("a pipe was asked for and not given")
    return stream


def _end_group(process: subprocess.Popen[bytes]) -> None:
    # Not once it is reaped: the number could by then be another's. Asked first, because git takes its lock
    # files away when it is asked, and leaves them in everybody's way when it is killed.
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            _ended_by(process, time.monotonic() + GRACE_SECONDS)


def _ended_by(process: subprocess.Popen[bytes], deadline: float) -> bool:
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True
