"""A real project with a bug put in: more-itertools, from its pinned source distribution on PyPI (MIT), with its own test suite."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

NAME = "more-itertools==10.8.0"
SHA256 = "f638ddf8a1a0d134181275fb5d58b086ead7c6a72429ad725c67503f13ba30bd"
FILE = "more_itertools/recipes.py"
RIGHT, WRONG = "return next(islice(iterable, n, None), default)", "return next(islice(iterable, n + 1, None), default)"
VERIFY = "python3 -m unittest"
ISSUE = "nth() returns the item after the one that was asked for: nth(range(10), 3) is 4."


def fetch(directory: Path) -> Path:
    """Return the unpacked project, fetched with pip and checked by its hash."""
    requirement = directory / "requirement.txt"
    requirement.write_text(f"{NAME} --hash=sha256:{SHA256}\n")
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary=:all:",
         "--require-hashes", "--dest", str(directory), "-r", str(requirement)],
        check=True, timeout=240,
    )
    [archive] = directory.glob("*.tar.gz")
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == SHA256
    with tarfile.open(archive) as tar:
        tar.extractall(directory / "unpacked", filter="data")
    [project] = (directory / "unpacked").iterdir()
    return project


def with_bug(project: Path, place: Path) -> Path:
    """Return a copy of the project that has the bug."""
    shutil.copytree(project, place)
    file = place / FILE
    text = file.read_text()
    assert text.count(RIGHT) == 1
    file.write_text(text.replace(RIGHT, WRONG))
    return place
