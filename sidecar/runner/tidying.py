"""A workspace where an earlier run has left its files, brought to the checkout's commit before the agent begins."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from .git import LITTER, Git, GitFailed, ignoring_litter, last_words

_SUBMODULE = b"160000"


def tidy(git: Git, home: str, leaves_out: Sequence[str]) -> None:
    """Make every tracked file what HEAD says, and leave beside them only what git ignores, without names in `leaves_out`.

    `.git` is of a fresh checkout; all else may be anything that an agent has made. Raises GitFailed, OSError.
    """
    try:
        try:
            _tidy(git, home, leaves_out)
        except (GitFailed, PermissionError):
            _open_directories(git.workspace)
            _tidy(git, home, leaves_out)
    except RecursionError:
        raise GitFailed("directories lie too deep in each other") from None


def _tidy(git: Git, home: str, leaves_out: Sequence[str]) -> None:
    # What the index knows of size and time would be believed of files that an agent has written: an index that knows nothing has
    # each one compared by what is in it, and only what differs is written.
    git.run("read-tree", "HEAD")
    places, submodules = _tracked(git)
    # Compared, and written, as the commit's own attributes have it: one of the agent's would make its file pass for the commit's.
    for place in places:
        with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
            (place / ".gitattributes").unlink()
    git.succeeds("update-index", "-q", "--refresh")
    git.run("reset", "--quiet", "--hard", "HEAD")
    # In a directory with files of the commit git neither sees a repository of the agent's nor clears it away.
    for place in places:
        if place != Path(git.workspace):
            _remove(place / ".git")
    # A checkout has nothing there; what an agent has checked out would count as a change of the submodule's commit.
    for place in submodules:
        _remove(place)
        place.mkdir()
    with tempfile.TemporaryDirectory(prefix="tidy-", dir=home) as scratch:
        # `-ff`: a repository inside this one is no exception.
        _clean(git, (*ignoring_litter(Path(scratch)), "clean", "--quiet", "-ffd"))
    if leaves_out:
        litter = [part for pattern in LITTER for part in ("-e", pattern)]
        # The second form is for directories, which the first one does not match.
        named = [f":(icase,glob)**/{name}{below}" for name in leaves_out for below in ("", "/**")]
        _clean(git, ("clean", "--quiet", "-ffdx", *litter, "--", *named))


def _tracked(git: Git) -> tuple[list[Path], list[Path]]:
    """Return every directory that holds files of the commit, the workspace among them, and the places of its submodules."""
    root = Path(git.workspace)
    done = git.call(("ls-files", "--stage", "-z"))
    if done.returncode != 0:
        raise GitFailed(f"`git ls-files` failed ({done.returncode}): {last_words(done)}")
    places, submodules = {root}, []
    for entry in filter(None, done.stdout.split(b"\0")):
        about, _, name = entry.partition(b"\t")
        path = root / os.fsdecode(name)
        if path.parent not in places:
            places.update(parent for parent in path.parents if parent.is_relative_to(root))
        if about.startswith(_SUBMODULE):
            submodules.append(path)
    return sorted(places), submodules


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        with suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()


def _clean(git: Git, arguments: tuple[str, ...]) -> None:
    """Raises GitFailed also where a directory could not be looked into, which git takes for no failure."""
    done = git.call(arguments)
    if done.returncode != 0 or b"could not open directory" in done.stderr:
        raise GitFailed(f"`git clean` failed ({done.returncode}): {last_words(done)}")


def _open_directories(workspace: str) -> None:
    """Let ourselves into directories that their owner, who we are, has closed; no link is followed."""
    for place, names, _ in os.walk(workspace):
        for name in names:
            path = Path(place, name)
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode) and mode & stat.S_IRWXU != stat.S_IRWXU:
                path.chmod(stat.S_IMODE(mode) | stat.S_IRWXU)
