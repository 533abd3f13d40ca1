"""An emulated GitHub, served on a free port."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.emulators.github import GitHubEmulator, serve
from tests.app.emulators.github.github_kit import Receiver, SettableClock, receiving, seed


@pytest.fixture(scope="session")
def app_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first emulator of the session keeps the App's key for the others."""
    return tmp_path_factory.mktemp("key") / "app.pem"


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def github(tmp_path: Path, app_key: Path, clock: SettableClock) -> Iterator[GitHubEmulator]:
    with GitHubEmulator(tmp_path / "github", seed(app_key), now=clock) as emulator, serve(emulator):
        yield emulator


@pytest.fixture
def receiver(github: GitHubEmulator) -> Iterator[Receiver]:
    with receiving() as found:
        github.set_webhook_url(found.url)
        yield found
