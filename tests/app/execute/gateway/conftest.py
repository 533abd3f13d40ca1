"""A running gateway for each test, in a directory short enough for a socket's path."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.ledger.database import Database
from app.ledger.tables import metadata
from app.serving import listen, serving
from app.settings import Settings
from tests.app.execute.gateway.fake_model_api import ANTHROPIC_KEY, GEMINI_KEY, OPENAI_KEY, FakeModelApi, Stage
from tests.app.execute.gateway.house import HOST, House


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A directory with a short path."""
    path = Path(tempfile.mkdtemp(prefix="bh-", dir="/tmp"))
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def stage() -> Iterator[tuple[Stage, str]]:
    """A server for model APIs and its URL."""
    made = Stage()
    listener = listen("127.0.0.1", 0)
    with serving(made.app, listener, stop_seconds=1):
        yield made, f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def model_api(stage: tuple[Stage, str]) -> Iterator[FakeModelApi]:
    """The model API behind the gateway."""
    fresh = stage[0].present = FakeModelApi()
    yield fresh
    fresh.go_on = True


@pytest.fixture
def settings(short_dir: Path, model_api: FakeModelApi, stage: tuple[Stage, str]) -> Settings:
    """Settings whose upstreams are the fake."""
    made = Settings(
        state_dir=short_dir / "state", runtime_dir=short_dir / "run", host_name=HOST,
        anthropic_api_url=stage[1], openai_api_url=stage[1] + "/", gemini_api_url=stage[1],
    )
    return made.model_copy(update={"anthropic_api_key": SecretStr(ANTHROPIC_KEY),
                                   "openai_api_key": SecretStr(OPENAI_KEY), "gemini_api_key": SecretStr(GEMINI_KEY)})


@pytest.fixture
def house(settings: Settings) -> Iterator[House]:
    """A running gateway."""
    settings.state_dir.mkdir()
    database = Database(f"sqlite:///{settings.state_dir / 'ledger.db'}")
    metadata.create_all(database.engine)
    made = House(settings, database)
    made.start()
    try:
        yield made
    finally:
        made.stop()
        database.close()
