"""What setups have installed, kept for the runs that stand on it: moved by rename, never read.

    <state_dir>/layers/<name>/workspace   what git ignores, from the root of the checkout
    <state_dir>/layers/<name>/home        the HOME that the setup has left
    <state_dir>/layers/<name>/used        when a sandbox was last put on it, or taken off
"""

from __future__ import annotations

import math
import os
import stat
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from pathlib import Path

from app.core.sandbox.setup import is_private
from app.errors import WorkspaceError
from app.execute.workspace.locks import locked
from app.execute.workspace.removal import remove_tree

# Where a setup sandbox puts what is to be kept, at the root of its `/workspace`.
DIRECTORY = ".bellhop-layer"
_MARK = "layer"
_LOCK_SECONDS = 60.0


class Layers:
    """The layers of one host by name. One is whole from the moment that it is there, and never changes."""

    def __init__(self, directory: Path, lock_file: Callable[[], Path]) -> None:
        self._directory = directory
        self._lock_file = lock_file

    def find(self, name: str) -> Path | None:
        """Return where a layer is, and keep the sweeper from taking it for unused; None where there is none. Raises WorkspaceError."""
        place = self._place(name)
        with self._locked():
            try:
                os.utime(place / "used")
            except FileNotFoundError:
                return None
        return place

    def keep(self, scratch: Path, name: str) -> None:
        """Take what a setup sandbox, which is gone, has left; one that is there by that name already stays, and this one goes.

        Safe to repeat. Raises WorkspaceError, not retryable when the sandbox has left nothing, or it cannot be moved.
        """
        if self.find(name) is not None:
            return
        try:
            self._keep(scratch, name)
        except OSError as error:
            # Not tried again: on a full disk the sandbox's files must go, so that there is room.
            raise WorkspaceError(
                f"what the setup has left cannot be kept in {self._directory}: {error.strerror}; look at the space left there",
                reason="no_layer", retryable=False,
            ) from error

    def _keep(self, scratch: Path, name: str) -> None:
        growing = self._place(f".{scratch.name}")
        with self._locked():
            growing.mkdir(mode=0o711, exist_ok=True)
            # However long ago another worker has died over it: from here on it is nobody's leftover.
            os.utime(growing)
        growing.chmod(0o711)
        for source, kept, mode in ((scratch / "upper" / DIRECTORY, "workspace", 0o755), (scratch / "home", "home", 0o700)):
            _move(source, growing / kept, mode)
        (growing / "used").touch()
        with self._locked():
            if not self._place(name).exists():
                growing.rename(self._place(name))
        remove_tree(growing)

    def put(self, scratch: Path, name: str) -> None:
        """Note that a sandbox stands on a layer."""
        (scratch / _MARK).write_text(name, encoding="utf-8")

    def leave(self, scratch: Path) -> None:
        """Note that a sandbox that stood on a layer does so no more: others may want it soon. Raises WorkspaceError."""
        name = self.under(scratch)
        if name is not None:
            self.find(name)

    def under(self, scratch: Path) -> str | None:
        """Return the layer that a sandbox stands on, or None."""
        try:
            return (scratch / _MARK).read_text(encoding="utf-8") or None
        except FileNotFoundError:
            return None

    def prune(self, keep: int, unused_seconds: float, private_seconds: float, in_use: AbstractSet[str]) -> list[str]:
        """Remove those that were not used for so long, and the least recently used beyond `keep`; return their names.

        Private ones (their names say so) go after `private_seconds`. Kept in any case: those in `in_use`, and those used within
        `private_seconds`, whose sandbox may be about to begin. Raises WorkspaceError.
        """
        if not self._directory.is_dir():
            return []
        now = time.time()
        for leftover in self._directory.glob(".*"):
            doomed = self._doomed()
            with self._locked():
                if now - _changed_at(leftover) <= private_seconds:
                    continue
                _doom(leftover, doomed)
            remove_tree(doomed)
        found = sorted(((_used_at(place), place) for place in self._directory.glob("[!.]*")), reverse=True)
        removed = []
        shared = 0
        for _, place in found:
            is_shared = not is_private(place.name)
            shared += is_shared
            limit = private_seconds
            if is_shared and shared <= keep:
                limit = max(unused_seconds, private_seconds)
            doomed = self._doomed()
            with self._locked():
                # Looked at once more: somebody may have found it meanwhile.
                if place.name in in_use or now - _used_at(place) < limit:
                    continue
                _doom(place, doomed)
            remove_tree(doomed)
            removed.append(place.name)
        return removed

    def _doomed(self) -> Path:
        return self._directory / f".gone.{os.urandom(8).hex()}"

    def _place(self, name: str) -> Path:
        if not self._directory.is_dir():
            self._directory.mkdir(parents=True, exist_ok=True)
            # What a sandbox's user must reach can be passed through, not listed.
            self._directory.chmod(0o711)
        return self._directory / name

    def _locked(self) -> AbstractContextManager[None]:
        return locked(self._lock_file(), _LOCK_SECONDS)


def _move(source: Path, target: Path, mode: int) -> None:
    """Move a directory of a sandbox that is gone, if it was not moved before. Raises WorkspaceError."""
    if target.is_dir():
        return
    try:
        found = source.lstat()
    except FileNotFoundError:
        found = None
    if found is None or not stat.S_ISDIR(found.st_mode):
        raise WorkspaceError(
            "the setup has left nothing that can be kept: look at its last lines in the transcript", reason="no_layer", retryable=False
        )
    # Who moves a directory must be able to write it.
    source.chmod(mode)
    source.rename(target)


def _doom(place: Path, doomed: Path) -> None:
    """Move what is to be removed where nobody takes it for whole, nor for left behind while it is being removed."""
    place.rename(doomed)
    os.utime(doomed)


def _changed_at(place: Path) -> float:
    try:
        return place.lstat().st_mtime
    except FileNotFoundError:
        return math.inf  # somebody else's, who was quicker


def _used_at(place: Path) -> float:
    try:
        return (place / "used").stat().st_mtime
    except FileNotFoundError:
        return 0.0
