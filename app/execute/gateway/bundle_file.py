"""Keeping what a runner sends as its bundle: written beside, synced, and only then given its name."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

from anyio import to_thread

_WRITE_BYTES = 1024 * 1024


async def keep(directory: Path, name: str, content: AsyncIterator[bytes]) -> None:
    """Write `content` to `directory/name`, in place of an earlier one, or leave no trace.

    Raises OSError when the disk does not take it, and whatever `content` raises.
    """
    part = f".{name}.{secrets.token_hex(8)}.part"
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(part, flags, 0o600, dir_fd=folder)
        try:
            waiting = bytearray()
            async for data in content:
                waiting += data
                if len(waiting) >= _WRITE_BYTES:
                    await to_thread.run_sync(_write, handle, bytes(waiting))
                    waiting.clear()
            await to_thread.run_sync(_finish, handle, bytes(waiting), folder, part, name)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(part, dir_fd=folder)
            raise
        finally:
            os.close(handle)
    finally:
        os.close(folder)


def is_there(directory: Path, name: str) -> bool:
    """Return whether a whole bundle of that name was received."""
    path = directory / name
    return path.is_file() and not path.is_symlink()


def _write(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view):]


def _finish(handle: int, data: bytes, folder: int, part: str, name: str) -> None:
    _write(handle, data)
    os.fsync(handle)
    os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
    os.fsync(folder)
