"""A kept artifact, read back: its bytes are verified once more before the last of them leave."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncGenerator

from anyio import to_thread

from app.execute.gateway.registry.cache import Kept

_READ_BYTES = 256 * 1024


class Spoiled(Exception):
    """The file's bytes are not what its name says."""


async def kept_chunks(kept: Kept) -> AsyncGenerator[bytes, None]:
    """Yield the file's bytes, the last piece only after all of them were verified. Raises Spoiled, OSError."""
    handle = await to_thread.run_sync(os.open, kept.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        digest = hashlib.sha256()
        held = b""
        while chunk := await to_thread.run_sync(os.read, handle, _READ_BYTES):
            if held:
                yield held
            digest.update(chunk)
            held = chunk
        if digest.hexdigest() != kept.sha256:
            raise Spoiled
        yield held
    finally:
        os.close(handle)
