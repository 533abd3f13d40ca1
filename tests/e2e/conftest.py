"""What the end-to-end tests share."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from app.emulators.github.emulator import GitHubEmulator
from tests.e2e.embedded import Road, embedded
from tests.e2e.harness import github

Embed = Callable[..., Road]


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory whose path is short enough for the sockets below it."""
    path = Path(tempfile.mkdtemp(prefix="bh-", dir="/tmp"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[GitHubEmulator]:
    with github(tmp_path / "github") as running:
        yield running


@pytest.fixture
def embed(emulator: GitHubEmulator, tmp_path: Path, runtime_dir: Path, bubblewrap: str) -> Iterator[Embed]:
    """Start an embedded Bellhop with one profile, for the rest of the test."""
    with ExitStack() as stack:

        def start(profile: str, **changes: Any) -> Road:
            return stack.enter_context(embedded(emulator, tmp_path, runtime_dir, {"fix": profile}, **changes))

        yield start
