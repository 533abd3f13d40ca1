"""The pip packages of `sidecar/requirements.txt`: fetched by pip with every hash checked, unpacked as plain files."""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from app.errors import ToolingError
from app.execute.tooling.deb import Member
from app.execute.tooling.programs import run

PIP_SECONDS = 300.0
# A wheel names the oldest C library that it runs on; the tree brings a newer one than either of these.
PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_28_x86_64")
# Installers' notes; the tree is checked by its own digest.
NOT_TAKEN = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "entry_points.txt")
LICENCE_FIELD = re.compile(r"^License(?:-Expression)?: (.+)$", re.MULTILINE)
LICENCE_CLASSIFIER = re.compile(r"^Classifier: License :: (?:OSI Approved :: )?(.+)$", re.MULTILINE)


def fetch(requirements: str, cache: Path, python_version: str | None = None) -> list[Path]:
    """Return the wheels of the text of a hashed requirements file, sorted by name.

    They are for `python_version` (`3.11`) on x86-64, whatever runs this; without it, for the Python that runs this.
    What `cache` holds is not downloaded again, and its hashes are checked again.
    Raises ToolingError `tool_failed` (pip's last words), `tool_timeout`.
    """
    target = () if python_version is None else platforms(python_version)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="download-") as name:
        fresh = Path(name)
        (fresh / "requirements.txt").write_text(requirements, encoding="utf-8")
        argv = (
            *pip(), "download", "--dest", str(fresh), "--no-deps", "--require-hashes", "--only-binary=:all:", *target,
            "--find-links", str(cache), "--requirement", str(fresh / "requirements.txt"),
        )
        if not (any(cache.glob("*.whl")) and offline(argv)):
            run(argv, timeout_seconds=PIP_SECONDS)
        names = sorted(wheel.name for wheel in fresh.glob("*.whl"))
        for wheel in names:
            shutil.move(fresh / wheel, cache / wheel)
    return [cache / wheel for wheel in names]


def offline(argv: tuple[str, ...]) -> bool:
    """Return whether what is on this host already will do."""
    try:
        run((*argv, "--no-index"), timeout_seconds=PIP_SECONDS)
    except ToolingError:
        return False
    return True


def platforms(python_version: str) -> tuple[str, ...]:
    """Return the options with which pip takes wheels for that Python on x86-64."""
    return ("--python-version", python_version, "--implementation", "cp", *(word for name in PLATFORMS for word in ("--platform", name)))


def members(wheel: Path) -> dict[str, Member]:
    """Return path -> file of a wheel as it lies in site-packages, without scripts and installers' notes.

    Raises ToolingError `wheel` for a path that leads out of the directory.
    """
    found: dict[str, Member] = {}
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            path = PurePosixPath(info.filename)
            if path.is_absolute() or ".." in path.parts:
                raise ToolingError(f"{wheel.name} holds {info.filename}, which leads out of its directory", reason="wheel")
            if info.is_dir() or (path.parts[0].endswith(".dist-info") and path.name in NOT_TAKEN):
                continue
            if path.parts[0].endswith(".data"):
                if path.parts[1] not in ("purelib", "platlib"):
                    continue
                path = PurePosixPath(*path.parts[2:])
            found[str(path)] = Member(archive.read(info), None, executable=False)
    return found


def licence(files: dict[str, Member]) -> str:
    """Return what a wheel's metadata states as its licence."""
    metadata = next((member.data for path, member in files.items() if path.endswith(".dist-info/METADATA")), b"")
    head = metadata.decode(errors="replace").partition("\n\n")[0]
    stated = LICENCE_FIELD.findall(head) or LICENCE_CLASSIFIER.findall(head)
    return str(stated[0]).strip() if stated else "unknown"


def sha256(file: Path) -> str:
    """Return a file's SHA-256, 64 hex digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def pip() -> tuple[str, ...]:
    """Return the beginning of a pip command line, by the Python that runs Bellhop."""
    return (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet")
