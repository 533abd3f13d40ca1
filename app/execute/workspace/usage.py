"""How much of the disk a sandbox has taken, told by `du`: it follows no link and minds no depth."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from app.bounded import run_bounded

TIMEOUT_SECONDS = 20.0
# What the sandbox itself writes: its layer over the checkout, the copy where there is no layer, and its HOME.
_THEIRS = ("upper", "copy", "home")


def used_mb(scratch: Path) -> int | None:
    """Return the megabytes that a sandbox's files take; None when that cannot be told (in time)."""
    return _total_mb([scratch / name for name in _THEIRS if (scratch / name).is_dir()])


def tree_mb(path: Path) -> int | None:
    """Return the megabytes that all below `path` takes; None when that cannot be told (in time)."""
    return _total_mb([path])


def _total_mb(places: Sequence[Path]) -> int | None:
    if not places:
        return None
    with Path(os.devnull).open("rb") as nothing:
        try:
            end = run_bounded(
                ["du", "--total", "--summarize", "--one-file-system", "--block-size=1M", "--", *map(str, places)],
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"}, stdin=nothing, timeout_seconds=TIMEOUT_SECONDS, limit_bytes=4096,
            )
        except FileNotFoundError:
            return None
    # It ends with 1 for a file that vanished or could not be read, and says the total all the same.
    total = end.stdout.decode("utf-8", "replace").splitlines()[-1:]
    number = total[0].partition("\t")[0] if total else ""
    return int(number) if number.isdigit() and not end.timed_out else None
