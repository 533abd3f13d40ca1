"""Reading a .deb file: its members in memory, nothing unpacked that is not wanted."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path
from typing import NamedTuple

from app.execute.tooling.programs import run

UNPACK_SECONDS = 120.0
# Before the merged /usr these were directories of their own; Debian 12 still ships some files there.
UNMERGED = ("bin/", "sbin/", "lib/", "lib64/")
LICENCE_LINE = re.compile(r"^License:[ \t]*(\S[^\n]*)$", re.MULTILINE)


class Member(NamedTuple):
    """A file (`data`) or a symbolic link (`target`) of a package."""

    data: bytes
    target: str | None
    executable: bool


def members(file: Path) -> dict[str, Member]:
    """Return path -> member of a package, paths like `usr/bin/git`, files of the old root below `usr` too.

    Hard links become files. Raises ToolingError `tool_failed` for a broken package.
    """
    data = run(("dpkg-deb", "--fsys-tarfile", str(file)), timeout_seconds=UNPACK_SECONDS)
    found: dict[str, Member] = {}
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
        for info in tar:
            path = info.name.removeprefix("./")
            path = f"usr/{path}" if path.startswith(UNMERGED) else path
            if info.issym():
                found[path] = Member(b"", info.linkname, executable=False)
            elif info.isfile() or info.islnk():
                stream = tar.extractfile(info)
                found[path] = Member(stream.read() if stream else b"", None, executable=bool(info.mode & 0o111))
    return found


def licences(name: str, files: dict[str, Member]) -> list[str]:
    """Return the short licence names that a package's copyright file states; a package without one names its parent."""
    link = files.get(f"usr/share/doc/{name}")
    if link is not None and link.target is not None:
        return [f"see {link.target}"]
    copyright_file = files.get(f"usr/share/doc/{name}/copyright")
    if copyright_file is None:
        return ["unknown"]
    if copyright_file.target is not None:
        return [f"see {copyright_file.target}"]
    stated = LICENCE_LINE.findall(copyright_file.data.decode(errors="replace"))
    return sorted({licence.strip() for licence in stated}) or ["see its copyright file"]
