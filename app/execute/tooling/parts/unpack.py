"""From a package's archive to the files that a part takes of it; nothing of the package is run."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from app.errors import ToolingError
from app.execute.tooling.parts.part import Part


class Packed(NamedTuple):
    """One regular file of an archive."""

    path: str
    executable: bool
    stream: IO[bytes]


def unpack(part: Part, archive: Path, root: Path) -> None:
    """Write what the part takes below the new directory `root`, and its own scripts.

    Raises ToolingError: `archive` (it is broken, or holds a path that leads out), `part` (a take that gives nothing).
    """
    unused = set(part.take)
    try:
        for packed in entries(archive):
            place = part.destination(packed.path)
            if place is None:
                continue
            unused -= {take for take in part.take if take.destination(packed.path) == place}
            file = root / place
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("wb") as out:
                shutil.copyfileobj(packed.stream, out, 1 << 20)
            # A wheel may have lost the mode; what lies in a part's bin is a program.
            file.chmod(0o755 if packed.executable or place.startswith("bin/") else 0o644)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise ToolingError(f"{archive.name} of the part `{part.name}` is broken: {error}", reason="archive") from error
    if unused:
        raise ToolingError(
            f"{part.package} {part.full_version} holds nothing of what the part `{part.name}` takes: "
            f"{', '.join(sorted(take.under for take in unused))}. Its layout has changed; the part's file must follow",
            reason="part",
        )
    for place, text in part.programs.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text(text, encoding="utf-8")
        (root / place).chmod(0o755)


def entries(archive: Path) -> Iterator[Packed]:
    """Yield the regular files of an npm package (.tgz) or a wheel (.whl), one after the other.

    Links and devices are passed over: no part takes one. Raises ToolingError `archive` for a path that leads out.
    """
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for member in wheel.infolist():
                if not member.is_dir():
                    with wheel.open(member) as stream:
                        yield Packed(inside(member.filename, archive), bool(member.external_attr >> 16 & 0o111), stream)
        return
    with tarfile.open(archive, mode="r|gz") as tar:
        for info in tar:
            if info.isreg() and (file := tar.extractfile(info)) is not None:
                yield Packed(inside(info.name, archive), bool(info.mode & 0o111), file)


def inside(path: str, archive: Path) -> str:
    """Return the path as it is. Raises ToolingError `archive` when it leads out of its directory."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts:
        raise ToolingError(f"{archive.name} holds {path}, which leads out of its directory", reason="archive")
    return str(pure)
