"""Writing the assignment's files below HOME."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


class PathRefused(Exception):
    """A file of the assignment would land outside HOME, or nowhere."""


def write_files(home: str, files: Mapping[str, str | bytes]) -> None:
    """Write each relative path below `home`, for its owner only; what stood there is replaced, links are not followed.

    Nothing is written unless every path is good. Raises PathRefused, OSError.
    """
    for name in files:
        check_path(name)
    root = Path(home).resolve()
    for name, content in files.items():
        path = root / name
        if not _resolved(path.parent, name).is_relative_to(root):
            raise PathRefused(f"`{name}` leads out of HOME through a link: remove the link")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.bellhop-new")
        new.unlink(missing_ok=True)
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        new.replace(path)


def _resolved(directory: Path, name: str) -> Path:
    try:
        return directory.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError is what Python 3.11 has for links that lead in a circle
        raise PathRefused(f"`{name}` leads nowhere, through a link in HOME: remove the link ({error})") from error


def check_path(name: str) -> None:
    """Refuse a path that is absolute, empty, or climbs. Raises PathRefused."""
    parts = name.split("/")
    if not name or "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise PathRefused(f"the assignment's file `{name}` must be a plain relative path below HOME")
