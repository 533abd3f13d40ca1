"""Removing a tree that an agent has written: any depth, any mode, any link, and never a step outside it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from app.errors import WorkspaceError


def remove_tree(path: Path) -> None:
    """Remove `path` and all below it; nothing is there: no error. A link is removed, never followed.

    Directories are moved up to the top before they are emptied, so that neither recursion, nor open files, nor
    the length of a path grows with the depth of what an agent has made. Raises WorkspaceError.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(found.st_mode):
            path.unlink()
            return
        top = _open_directory(path.name, os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY), close_parent=True)
        try:
            _empty(top)
        finally:
            os.close(top)
        path.rmdir()
    except OSError as error:
        raise WorkspaceError(
            f"{path} could not be removed ({error.strerror}). If a sandbox still has it mounted, it is tried again; "
            "otherwise remove it by hand.", reason="workspace_busy",
        ) from error


def _empty(top: int) -> None:
    moved = 0
    names = os.listdir(top)
    while names:
        name = names.pop()
        if not stat.S_ISDIR(os.stat(name, dir_fd=top, follow_symlinks=False).st_mode):
            os.unlink(name, dir_fd=top)
            continue
        child = _open_directory(name, top)
        try:
            with os.scandir(child) as listing:
                entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in listing]
            for entry, is_directory in entries:
                if is_directory:
                    _own(entry, child)  # a directory can only be moved by who may write it: its `..` changes
                    moved += 1
                    upper = _free_name(moved)
                    os.rename(entry, upper, src_dir_fd=child, dst_dir_fd=top)
                    names.append(upper)
                else:
                    os.unlink(entry, dir_fd=child)
        finally:
            os.close(child)
        os.rmdir(name, dir_fd=top)


def _free_name(number: int) -> str:
    # The agent may have chosen our name: a random part makes that a matter of luck it does not have.
    return f".bellhop-{number}-{os.urandom(8).hex()}"


def _own(name: str, parent: int) -> None:
    """Give the owner all rights on a directory, without following a link and without needing to read it."""
    handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY, dir_fd=parent)
    try:
        if os.fstat(handle).st_mode & stat.S_IRWXU != stat.S_IRWXU:
            Path(f"/proc/self/fd/{handle}").chmod(0o700)
    finally:
        os.close(handle)


def _open_directory(name: str, parent: int, *, close_parent: bool = False) -> int:
    try:
        _own(name, parent)
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY, dir_fd=parent)
    finally:
        if close_parent:
            os.close(parent)
