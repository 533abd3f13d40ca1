"""What an image lacks that programs take for granted, and is added by mounts when a sandbox is made of it.

The image itself is never changed. `/tmp` needs nothing here: every sandbox has one of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from docker.types import Mount

from app.execute.sandboxes import places
from app.execute.sandboxes.docker.image_files import ImageFiles

# A file of accounts that is larger than this is left as it is.
ACCOUNTS_BYTES = 1024 * 1024
PASSWD, GROUP = "/etc/passwd", "/etc/group"
# By the base, which every sandbox has. The kernel takes a script as another's interpreter:
# https://man7.org/linux/man-pages/man2/execve.2.html
PROGRAMS = {path: f'#!{places.AGENT}/bin/sh\nexec {places.AGENT}/bin/{path.rpartition("/")[2]} "$@"\n' for path in ("/bin/sh", "/usr/bin/env")}


class Facts(NamedTuple):
    """What an image has of these: `missing` are programs; a file of accounts is empty where there is none.

    None: there is something else in that place, which stays as it is.
    """

    missing: tuple[str, ...]
    passwd: str | None
    group: str | None


class Fill(NamedTuple):
    """One file to show in a sandbox."""

    path: str
    text: str
    executable: bool = False


def look(files: ImageFiles) -> Facts:
    """Return what the image has. Raises SandboxUnavailable."""
    missing = tuple(path for path in PROGRAMS if files.stat(path) is None)
    return Facts(missing, _accounts(files, PASSWD), _accounts(files, GROUP))


def _accounts(files: ImageFiles, path: str) -> str | None:
    found = files.stat(path)
    if found is None:
        return ""
    if found.kind != "file" or found.size > ACCOUNTS_BYTES:
        return None
    # Names in other encodings pass through unchanged.
    return (files.read(path, ACCOUNTS_BYTES) or b"").decode(errors="surrogateescape")


def fills(facts: Facts, uid: int, volumes: tuple[str, ...] = ()) -> list[Fill]:
    """Return the files that a sandbox of that uid lacks; `volumes` are the image's own, in which nothing can be made."""
    wanted = [Fill(path, PROGRAMS[path], executable=True) for path in facts.missing]
    entry = f"x:{uid}:{uid}:Bellhop:{places.HOME}:/bin/sh\n"
    for path, present, fields in ((PASSWD, facts.passwd, entry), (GROUP, facts.group, f"x:{uid}:\n")):
        if present is not None and not _knows(present, uid):
            name = f"bellhop-{uid}" if _names(present, "bellhop") else "bellhop"
            wanted.append(Fill(path, f"{present}{'' if not present or present.endswith(chr(10)) else chr(10)}{name}:{fields}"))
    absent = {*facts.missing, *(path for path, present in ((PASSWD, facts.passwd), (GROUP, facts.group)) if not present)}
    return [fill for fill in wanted if not (fill.path in absent and _below(fill.path, volumes))]


def _knows(accounts: str, number: int) -> bool:
    return any(line.split(":")[2:3] == [str(number)] for line in accounts.splitlines())


def _names(accounts: str, name: str) -> bool:
    return any(line.partition(":")[0] == name for line in accounts.splitlines())


def _below(path: str, volumes: tuple[str, ...]) -> bool:
    return any(path.startswith(f"{volume.rstrip('/')}/") for volume in volumes)


def mounts(wanted: list[Fill], directory: Path) -> list[Mount]:
    """Write the files into a directory of the host's that no sandbox sees whole, and return them as read-only mounts."""
    if wanted:
        directory.mkdir(exist_ok=True, mode=0o755)
    shown = []
    for fill in wanted:
        file = directory / fill.path.strip("/").replace("/", "-")
        file.write_bytes(fill.text.encode(errors="surrogateescape"))
        file.chmod(0o755 if fill.executable else 0o644)
        shown.append(Mount(fill.path, str(file), type="bind", read_only=True))
    return shown
