"""Removing a finished tree so that nobody finds half of one, whenever it is cut short."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

# What has this name is being removed, or whoever was at it has died.
PREFIX = "removing-"


def remove(path: Path) -> None:
    """Remove a tree or a file; a tree is gone under its own name before anything in it is."""
    if not path.is_dir():
        path.unlink()
        return
    doomed = path if path.name.startswith(PREFIX) else path.with_name(f"{PREFIX}{path.name}-{os.urandom(4).hex()}")
    if doomed != path:
        path.rename(doomed)
    shutil.rmtree(doomed)
