"""A ledger, and the web process over it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.ledger.database import Database
from tests.app.observe import scene_runs


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with scene_runs.ledger(tmp_path) as ready:
        yield ready


@pytest.fixture
def url(database: Database) -> Iterator[str]:
    with scene_runs.web(database) as running:
        yield running


@pytest.fixture
def stranger(url: str) -> Iterator[httpx.Client]:
    """A client without a session."""
    with httpx.Client(base_url=url, timeout=10, trust_env=False) as client:
        yield client


@pytest.fixture
def visitor(url: str, database: Database) -> Iterator[httpx.Client]:
    """A client with a session."""
    with scene_runs.visitor(url, database) as client:
        yield client
