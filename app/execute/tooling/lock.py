"""One builder at a time, across processes."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.errors import ToolingError

WAIT_SECONDS = 900.0
LOOK_EVERY_SECONDS = 0.1


@contextmanager
def held(file: Path, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold an exclusive lock on a file; the kernel frees it when its holder dies. Raises ToolingError `locked`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait_seconds
    with file.open("w") as stream:
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise ToolingError(
                        f"another process has held {file} for {wait_seconds:.0f} s: look what it does, then try again",
                        reason="locked", retryable=True,
                    ) from None
                time.sleep(LOOK_EVERY_SECONDS)
        yield
