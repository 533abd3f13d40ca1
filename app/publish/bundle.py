"""The file that came out of a sandbox: taken as bytes, and its header read strictly before git sees it.

https://git-scm.com/docs/gitformat-bundle
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from app.errors import PublishRefused

_HEADER_BYTES = 64 * 1024
MAX_OBJECTS = 100_000


def take(source: Path, target: Path, limit_bytes: int) -> None:
    """Copy a bundle to where only the publisher writes. Raises PublishRefused for what is no bounded plain file."""
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise refused(f"it cannot be opened as a file ({error.strerror})", "no_bundle") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise refused("it is not a plain file", "no_bundle")
        with open(descriptor, "rb", closefd=False) as incoming, target.open("wb") as kept:
            left = limit_bytes
            while chunk := incoming.read(min(1 << 20, left + 1)):
                left -= len(chunk)
                if left < 0:
                    raise refused(f"it is larger than {limit_bytes} bytes", "bundle_too_large")
                kept.write(chunk)
    finally:
        os.close(descriptor)


def check_header(bundle: Path) -> None:
    """Refuse what `git bundle create` in a sandbox does not write: other formats, filters, endless refs or objects.

    Raises PublishRefused.
    """
    with bundle.open("rb") as file:
        start = file.read(_HEADER_BYTES)
    header, blank, pack = start.partition(b"\n\n")
    lines = header.split(b"\n")
    if not blank or lines[0] not in (b"# v2 git bundle", b"# v3 git bundle"):
        raise refused("it does not begin like a git bundle", "bad_bundle")
    # A filter would leave objects out, and git would then take their absence for granted.
    if any(entry.startswith(b"@") and entry != b"@object-format=sha1" for entry in lines[1:]):
        raise refused("it asks for a capability that a sandbox's bundle does not need", "bad_bundle")
    if pack[:4] != b"PACK" or len(pack) < 12:
        raise refused("no pack follows its header", "bad_bundle")
    if int.from_bytes(pack[8:12], "big") > MAX_OBJECTS:
        raise refused(f"it holds more than {MAX_OBJECTS} objects", "too_many_objects")


def refused(why: str, reason: str) -> PublishRefused:
    """Return the error for a bundle that is not taken."""
    return PublishRefused(
        f"What the sandbox sent as its result was not taken: {why}. Ring again; if it happens again, tell the operator.",
        reason=reason,
    )
