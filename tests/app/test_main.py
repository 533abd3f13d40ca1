"""The web process put together."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from app.errors import ConfigurationError
from app.ledger.database import Database
from app.main import create_app
from app.serving import listen, serving
from app.settings import Settings
from tests.app.observe.scene_runs import ledger


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with ledger(tmp_path) as ready:
        yield ready


def settings(tmp_path: Path, **changes: object) -> Settings:
    known = Settings(database_url=f"sqlite:///{tmp_path}/bellhop.db", github_webhook_secret=SecretStr("s"), broker_url="memory://localhost/", log_level="ERROR")
    return known.model_copy(update=changes)


def test_it_serves_hooks_and_pages_and_no_documentation_of_itself(tmp_path: Path, database: Database) -> None:
    listener = listen("127.0.0.1", 0)
    stopping = threading.Event()
    with serving(create_app(settings(tmp_path), stopping), listener), httpx.Client(
        base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", trust_env=False
    ) as client:
        assert client.post("/hooks/github", content=b"{}").status_code == 401
        assert client.post("/hooks/gitlab", content=b"{}").status_code == 404
        assert client.get("/hooks/github").status_code == 405
        assert client.get("/").status_code == 401
        assert client.get("/metrics").status_code == 401
        for path in ("/docs", "/redoc", "/openapi.json", "/hooks/", "/.env", "/static/"):
            answer = client.get(path)
            assert answer.status_code == 404
            assert "content-security-policy" in answer.headers
    assert not [each for each in threading.enumerate() if each.name == "intake"]


def test_it_refuses_to_start_without_a_secret_or_a_schema(tmp_path: Path, database: Database) -> None:
    with pytest.raises(ConfigurationError, match="BELLHOP_GITHUB_WEBHOOK_SECRET"):
        create_app(settings(tmp_path, github_webhook_secret=SecretStr(" ")))
    with pytest.raises(ConfigurationError, match="bellhop migrate"):
        create_app(settings(tmp_path, database_url=f"sqlite:///{tmp_path}/other.db"))
