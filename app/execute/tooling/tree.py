"""A tree of files and its digest: SHA-256 over path, type, mode and content, and nothing else.

No times, owners or order of creation: the same content gives the same digest on disk, in a tar stream and
in a Docker volume.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from app.core.noun import Noun
from app.errors import ToolingError
from app.execute.tooling.layout import DIGEST_FILE

CHUNK_BYTES = 1 << 20


class Tree(Noun):
    """A built tree on this host; `digest` (64 hex digits) names its content."""

    path: Path
    digest: str


class Entry(Noun):
    """One thing in a tree; `content` is a file's SHA-256, a link's target, or empty for a directory."""

    path: str
    kind: str
    mode: int
    content: str


def digest(entries: Iterable[Entry]) -> str:
    """Return the digest of a whole tree, 64 hex digits; the file that records the digest is left out of it."""
    whole = hashlib.sha256()
    for entry in sorted(entries, key=lambda entry: entry.path):
        if entry.path != DIGEST_FILE:
            whole.update(f"{entry.kind} {entry.mode:o} {entry.path}\0{entry.content}\n".encode())
    return whole.hexdigest()


def on_disk(root: Path) -> Iterator[Entry]:
    """Yield what is below a directory. Raises ToolingError `foreign_file` for a device, socket or pipe."""
    for path in root.rglob("*"):
        name = path.relative_to(root).as_posix()
        mode = path.lstat().st_mode & 0o7777
        if path.is_symlink():
            yield Entry(path=name, kind="link", mode=0o777, content=str(path.readlink()))
        elif path.is_dir():
            yield Entry(path=name, kind="dir", mode=mode, content="")
        elif path.is_file():
            with path.open("rb") as stream:
                yield Entry(path=name, kind="file", mode=mode, content=hashlib.file_digest(stream, "sha256").hexdigest())
        else:
            raise foreign(name)


def in_tar(stream: IO[bytes], top: str) -> Iterator[Entry]:
    """Yield what is in an uncompressed tar stream below the directory `top`, reading it once, in bounded memory.

    Raises ToolingError: `foreign_file` for anything but files, links and directories, `cut` for a stream that
    ends too early.
    """
    try:
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for info in tar:
                name = info.name.strip("/").removeprefix(top).strip("/")
                if name:
                    yield in_archive(tar, info, name)
    except tarfile.TarError as error:
        raise ToolingError(f"the tree could not be read to its end: {error}", reason="cut", retryable=True) from error


def in_archive(tar: tarfile.TarFile, info: tarfile.TarInfo, name: str) -> Entry:
    """Return one member of an archive as an entry called `name`. Raises ToolingError `foreign_file`."""
    mode = info.mode & 0o7777
    if info.issym():
        return Entry(path=name, kind="link", mode=0o777, content=info.linkname)
    if info.isdir():
        return Entry(path=name, kind="dir", mode=mode, content="")
    if not info.isreg():
        raise foreign(name)
    content = hashlib.sha256()
    file = tar.extractfile(info)
    while file is not None and (chunk := file.read(CHUNK_BYTES)):
        content.update(chunk)
    return Entry(path=name, kind="file", mode=mode, content=content.hexdigest())


def foreign(name: str) -> ToolingError:
    """Return the error for something that no tree of ours holds."""
    return ToolingError(f"{name} is neither file, link nor directory: this is not a tree that Bellhop built", reason="foreign_file")


def opened(path: Path) -> Tree:
    """Return the tree at `path` as its own record states it, unverified. Raises ToolingError `unfinished`."""
    try:
        return Tree(path=path, digest=(path / DIGEST_FILE).read_text(encoding="ascii").strip())
    except OSError as error:
        raise ToolingError(f"{path} is not a finished /agent tree: remove it and build again", reason="unfinished") from error


def verify(tree: Tree) -> None:
    """Hash every file and compare. Raises ToolingError `digest` when anything differs."""
    found = digest(on_disk(tree.path))
    if found != tree.digest:
        raise ToolingError(
            f"{tree.path} has digest {found[:12]}, it was built as {tree.digest[:12]}: something changed it. "
            "Remove that directory; the next start builds it again",
            reason="digest",
        )
