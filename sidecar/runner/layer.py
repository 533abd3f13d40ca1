"""What a setup has installed, put in order for the host to keep: made after the setup and all its processes are gone.

Of the workspace that is what git ignores, moved below one directory at its root; of HOME all but what agents take for their
configuration. Everything is moved within one file system, so that its size does not matter.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from .git import Git, GitFailed, ignoring_litter, last_words

_SHOWN = 5
_IGNORE_FILES = ":(glob)**/.gitignore"


class LayerFailed(Exception):
    """What was installed could not be put in order."""


class Kept(NamedTuple):
    """Paths, as git tells them, that are kept; that were not, and why; and that are dropped with the sandbox."""

    kept: list[str]
    left_out: list[str]
    dropped: list[str]

    @property
    def remarks(self) -> list[str]:
        """Lines for the transcript."""
        said = [f"kept for this run and later ones: {_some(self.kept)}, and what is in HOME" if self.kept else "kept: what is in HOME"]
        if self.left_out:
            said.append(f"not kept, because agents would take it for their configuration, or because it could not be moved: {_some(self.left_out)}")
        if self.dropped:
            said.append(f"not kept, because git does not ignore it: {_some(self.dropped)}")
        return said


class LayerMaker:
    """Works in one workspace and HOME."""

    def __init__(self, git: Git, home: str) -> None:
        self._workspace = Path(git.workspace)
        self._home = Path(home)
        self._git = git

    def make(self, directory: str, leaves_out: Iterable[str], home_leaves_out: Iterable[str]) -> Kept:
        """Move what is kept to `directory`, a name at the workspace's root. Raises LayerFailed."""
        names = frozenset(name.casefold() for name in leaves_out)
        target = self._workspace / directory
        try:
            _remove(target)
            changed = self._as_committed()
            ignored = self._ignored()
            target.mkdir(mode=0o755)
            kept: list[str] = []
            left_out: list[str] = []
            for path in ignored:
                is_ours = not _leads_astray(path) and not _holds(path, names)
                (kept if is_ours and self._moved(path, target) else left_out).append(os.fsdecode(path))
            left_out += self._clear_home(names, home_leaves_out)
            return Kept(kept, left_out, list(dict.fromkeys([*changed, *self._changed(directory)])))
        except (GitFailed, OSError, RecursionError) as error:
            raise LayerFailed(str(error)) from error

    def _as_committed(self) -> list[str]:
        """Have git ignore what it will in the sandboxes to come, which have none of the setup's words on that; return what differed."""
        # What held it is dead, and git would wait for it in vain.
        (self._workspace / ".git" / "index.lock").unlink(missing_ok=True)
        (self._workspace / ".git" / "info" / "exclude").unlink(missing_ok=True)
        # Both fail where the commit has none.
        changed = self._git.call(("--work-tree=.", "diff-index", "--name-only", "-z", "HEAD", "--", _IGNORE_FILES)).stdout.split(b"\0")
        self._git.succeeds("--work-tree=.", "checkout", "--quiet", "HEAD", "--", _IGNORE_FILES)
        added = self._listed("--work-tree=.", "ls-files", "--others", "--exclude-standard", "-z", "--", _IGNORE_FILES)
        for path in filter(None, added):
            _remove(self._workspace / os.fsdecode(path))
        return [os.fsdecode(path) for path in (*changed, *added) if path]

    def _ignored(self) -> list[bytes]:
        with tempfile.TemporaryDirectory(prefix="layer-") as place:
            found = self._listed(
                *ignoring_litter(Path(place)), "--work-tree=.", "ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z",
            )
        return [path for path in found if path]

    def _listed(self, *arguments: str) -> list[bytes]:
        done = self._git.call(arguments)
        if done.returncode != 0:
            raise GitFailed(f"git failed ({done.returncode}): {last_words(done)}")
        return done.stdout.split(b"\0")

    def _changed(self, directory: str) -> list[str]:
        found = self._listed("--work-tree=.", "status", "--porcelain", "--no-renames", "--untracked-files=normal", "-z")
        return [path for entry in found if (path := os.fsdecode(entry[3:])) and path.rstrip("/") != directory]

    def _moved(self, path: bytes, target: Path) -> bool:
        name = os.fsdecode(path.rstrip(b"/"))
        there = target / name
        try:
            there.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            (self._workspace / name).rename(there)
        except OSError:
            return False
        return True

    def _clear_home(self, names: frozenset[str], paths: Iterable[str]) -> list[str]:
        """Remove what agents would read as their settings from HOME; return what that was."""
        found = [entry for entry in self._home.iterdir() if entry.name.casefold() in names]
        found += [self._in_the_way(path) or self._home / path for path in paths]
        removed = []
        for place in found:
            # Through links on the way, as whoever reads it would go: a link within HOME stays, and leads to nothing any more.
            if os.path.lexists(place):
                _remove(place)
                removed.append(f"~/{place.relative_to(self._home)}")
        return removed

    def _in_the_way(self, path: str) -> Path | None:
        """Return what stands on the way to a path and is no directory of HOME: what it leads to is another thing in the next sandbox."""
        home = self._home.resolve()
        for place in reversed([self._home / parent for parent in Path(path).parents][:-1]):
            if os.path.lexists(place) and (not place.is_dir() or not place.resolve().is_relative_to(home)):
                return place
        return None


def _leads_astray(path: bytes) -> bool:
    parts = path.rstrip(b"/").split(b"/")
    return any(part in (b"", b".", b"..") for part in parts) or parts[0] == b".git"


def _holds(path: bytes, names: frozenset[str]) -> bool:
    return any(part.casefold() in names for part in os.fsdecode(path).split("/"))


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def _some(paths: list[str]) -> str:
    shown = ", ".join(path.encode("utf-8", "replace").decode() for path in paths[:_SHOWN])
    return shown if len(paths) <= _SHOWN else f"{shown} and {len(paths) - _SHOWN} more"
