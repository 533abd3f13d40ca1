"""What agents of runs that are over have left, for those that go on with it: moved by rename, never read.

    <state_dir>/homes/<run id>/of           that id
    <state_dir>/homes/<run id>/home         the HOME that the run's agent has left
    <state_dir>/homes/<run id>/upper        the files that it has left in the workspace, without `.git`; not always there
    <state_dir>/homes/<run id>/copy         in place of that, where the checkout was copied: all of the workspace, without `.git`
    <state_dir>/homes/<run id>/stands_on    what those files were written over

All of one run is one directory, which is gathered in the sandbox's files (`left`), moved here, and moved into another sandbox's
files (`given`) by one rename each: so it is in one place at a time, whoever dies when.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from app.execute.workspace.removal import remove_tree
from app.execute.workspace.usage import tree_mb

_LEFT, _GIVEN = "left", "given"
# Where a sandbox's workspace is: one of them.
_WORKSPACE = ("upper", "copy")
_OF, _STANDS_ON, _FILES = "of", "stands_on", "files"


class Given(NamedTuple):
    """What a sandbox goes on with: the HOME of the run `run_id`, and with `has_files` what it left in the workspace too."""

    run_id: str
    has_files: bool


class Homes:
    """The kept HOMEs of one host, each under the id of the run that left it; a HOME is in one place at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def keep(self, scratch: Path, run_id: str, *, home_mb: int | None, files_mb: int | None) -> bool:
        """Take a sandbox's HOME out of its files, and what is in its workspace with it; False where nothing was kept.

        A HOME above `home_mb` is not kept, and without it nothing is; of the workspace nothing is above `files_mb` (None: whatever
        the size; 0: nothing in any case). Safe to repeat. Raises WorkspaceError.
        """
        _unpack(scratch)
        home, left = scratch / "home", scratch / _LEFT
        if home.is_dir():
            if not _is_small(home, home_mb):
                return False
            left.mkdir(mode=0o700, exist_ok=True)
            (left / _OF).write_text(run_id, encoding="utf-8")
            _take_files(scratch, left, files_mb)
            _take(home, left / "home")
        elif not (left / "home").is_dir():
            return False
        place = self._place(run_id)
        remove_tree(place)
        left.rename(place)
        return True

    def give_back(self, scratch: Path) -> None:
        """Put what a sandbox was given, and has not used, where it was; what was given nothing: no error. Raises WorkspaceError."""
        given = given_to(scratch)
        if given is not None:
            _unpack(scratch)
            given = given_to(scratch) or given
            self.keep(scratch, given.run_id, home_mb=None, files_mb=None if given.has_files else 0)

    def has(self, run_id: str) -> bool:
        """Return whether that run's HOME is here."""
        return (self._place(run_id) / _OF).is_file()

    def give(self, run_id: str | None, scratch: Path) -> None:
        """Move a kept HOME to a sandbox that has none yet; once it is there, doing it again changes nothing.

        The files go with it where they were written over the same as `scratch` says it stands on; otherwise they are removed.
        Raises WorkspaceError.
        """
        given = scratch / _GIVEN
        if not given.is_dir():
            if run_id is None or (scratch / "home").exists() or not self.has(run_id):
                return
            try:
                self._place(run_id).rename(given)
            except FileNotFoundError:
                return  # the sweeper, or another run of the case, was quicker
        _unpack(scratch)

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


def stand_on(scratch: Path, what: str) -> None:
    """Note, once, what a sandbox's files are written over: its programs, and what lies below the checkout beside it."""
    if _text(scratch / _STANDS_ON) is None:
        (scratch / _STANDS_ON).write_text(what, encoding="utf-8")


def given_to(scratch: Path) -> Given | None:
    """Return what a sandbox was given, or None."""
    run_id = _text(scratch / _GIVEN / _OF)
    return Given(run_id, (scratch / _GIVEN / _FILES).exists()) if run_id else None


def _unpack(scratch: Path) -> None:
    """Put what was given to a sandbox where the sandbox has it; again after a kill, too, also on its way back."""
    given = scratch / _GIVEN
    if _text(given / _STANDS_ON) != (_text(scratch / _STANDS_ON) or ""):
        for name in _WORKSPACE:
            remove_tree(given / name)
    for name in _WORKSPACE:
        if (given / name).is_dir():
            (given / _FILES).touch()
            (given / name).rename(scratch / name)
    if (given / "home").is_dir():
        (given / "home").rename(scratch / "home")


def _take_files(scratch: Path, left: Path, most_mb: int | None) -> None:
    written = scratch / ("copy" if (scratch / "copy").is_dir() else "upper")
    if most_mb == 0 or not written.is_dir() or not _is_small(written, most_mb):
        return
    with suppress(FileNotFoundError):
        (left / _STANDS_ON).write_bytes((scratch / _STANDS_ON).read_bytes())
    written.chmod(0o700)
    # The repository itself is the next checkout's: refs, hooks, configuration and index of an agent's own have no part in it.
    remove_tree(written / ".git")
    _take(written, left / written.name)


def _take(path: Path, target: Path) -> None:
    # Its name is ours and was a mount point, so that it is no link. Who moves a directory must be able to write it.
    path.chmod(0o700)
    path.rename(target)


def _is_small(path: Path, most_mb: int | None) -> bool:
    if most_mb is None:
        return True
    used_mb = tree_mb(path)
    return used_mb is not None and used_mb <= most_mb


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _kept_at(place: Path) -> float:
    try:
        return place.stat().st_mtime
    except FileNotFoundError:
        return time.time()  # given to somebody meanwhile
