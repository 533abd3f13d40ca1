"""HOMEs of runs that are over, kept for those that go on with them: moved by rename, never read.

    <state_dir>/homes/<run id>/home     the HOME that the run's agent has left
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from app.execute.workspace.removal import remove_tree
from app.execute.workspace.usage import tree_mb

_MARK = "continues"


class Homes:
    """The kept HOMEs of one host, each under the id of the run that left it; a HOME is in one place at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def keep(self, scratch: Path, run_id: str, most_mb: int) -> bool:
        """Take a sandbox's HOME out of its files, unless it is larger than that; False where nothing was kept. Raises WorkspaceError."""
        home = scratch / "home"
        if not home.is_dir():
            return False
        used_mb = tree_mb(home)
        if used_mb is None or used_mb > most_mb:
            return False
        place = self._place(run_id)
        remove_tree(place)
        place.mkdir(mode=0o700)
        # Its name is ours and was a mount point, so that it is no link. Who moves a directory must be able to write it.
        home.chmod(0o700)
        home.rename(place / "home")
        return True

    def has(self, run_id: str) -> bool:
        """Return whether that run's HOME is here."""
        return (self._place(run_id) / "home").is_dir()

    def give(self, run_id: str, scratch: Path) -> None:
        """Move a kept HOME to a sandbox that has none yet; once it is there, doing it again changes nothing."""
        if (scratch / "home").exists() or not self.has(run_id):
            return
        # Before the HOME: whoever dies between the two leaves a mark without one, which counts for nothing.
        (scratch / _MARK).write_text(run_id, encoding="utf-8")
        try:
            (self._place(run_id) / "home").rename(scratch / "home")
        except FileNotFoundError:
            return  # the sweeper was quicker
        remove_tree(self._place(run_id))

    def prune(self, keep: int, unused_seconds: float) -> list[str]:
        """Remove those that are older, and beyond the newest `keep`; return the ids of their runs. Raises WorkspaceError."""
        if not self._directory.is_dir():
            return []
        for leftover in self._directory.glob(".*"):
            remove_tree(leftover)
        newest_first = sorted(self._directory.iterdir(), key=_kept_at, reverse=True)
        oldest = time.time() - unused_seconds
        old = [place for at, place in enumerate(newest_first) if at >= keep or _kept_at(place) < oldest]
        for place in old:
            # Whole or not at all: nobody is given a HOME that is being removed.
            doomed = place.with_name(f".{place.name}")
            with suppress(FileNotFoundError):  # given to somebody meanwhile
                place.rename(doomed)
            remove_tree(doomed)
        return [place.name for place in old]

    def _place(self, run_id: str) -> Path:
        if not self._directory.is_dir():
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._directory / run_id


def forget(scratch: Path) -> None:
    """Drop the mark of a HOME that never came, before an empty one is made in its place."""
    if not (scratch / "home").exists():
        (scratch / _MARK).unlink(missing_ok=True)


def _kept_at(place: Path) -> float:
    try:
        return place.stat().st_mtime
    except FileNotFoundError:
        return time.time()  # given to somebody meanwhile


def given_to(scratch: Path) -> str | None:
    """Return the run whose HOME a sandbox was given, or None."""
    if not (scratch / "home").exists():
        return None
    try:
        return (scratch / _MARK).read_text(encoding="utf-8") or None
    except FileNotFoundError:
        return None


