"""A lock between threads and processes of one host, held on a file that stays."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.errors import WorkspaceError


@contextmanager
def locked(path: Path, timeout_seconds: float) -> Iterator[None]:
    """Hold the lock for the block. Raises WorkspaceError when another has held it for `timeout_seconds`.

    The kernel lets go of it when its holder dies, so there is nothing to clean up after a crash.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        _take(descriptor, path, time.monotonic() + timeout_seconds)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise WorkspaceError(
                    f"another worker has held {path} for too long; it is tried again", reason="workspace_locked"
                ) from None
            time.sleep(0.02)  # flock has no deadline of its own
        else:
            return
