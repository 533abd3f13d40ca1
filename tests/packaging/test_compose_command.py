"""compose.yaml as Compose itself reads it, whichever of the two is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings import Settings
from tests.conftest import missing

ROOT = Path(__file__).resolve().parents[2]
FILLED = {"POSTGRES_PASSWORD": "a1", "REDIS_PASSWORD": "b2", "BELLHOP_GITHUB_WEBHOOK_SECRET": "c3", "BELLHOP_GITHUB_APP_ID": "4"}


@pytest.fixture(scope="module")
def compose() -> tuple[str, ...]:
    if shutil.which("docker-compose"):
        return ("docker-compose",)
    plugin = ("docker", "compose")
    if not shutil.which("docker") or subprocess.run([*plugin, "version"], capture_output=True, timeout=20, check=False).returncode:
        missing("no Compose: run `apt-get install docker-compose`")
    return plugin


@pytest.fixture(scope="module")
def services(compose: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Compose makes of it with the example filled in."""
    answer = config(compose, tmp_path_factory.mktemp("compose"), FILLED)
    assert answer.returncode == 0, answer.stderr
    found: dict[str, Any] = yaml.safe_load(answer.stdout)["services"]
    return found


def config(compose: tuple[str, ...], directory: Path, filled: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Read compose.yaml beside an .env made from the example, as an operator does."""
    example = (ROOT / ".env.example").read_text()
    for name, value in filled.items():
        example, times = re.subn(rf"^{name}=$", f"{name}={value}", example, flags=re.MULTILINE)
        assert times == 1, name
    (directory / ".env").write_text(example)
    shutil.copy(ROOT / "compose.yaml", directory)
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [*compose, "config"], cwd=directory, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_compose_reads_it_with_the_example_filled_in(services: dict[str, Any]) -> None:
    assert set(services) == {"migrate", "web", "worker", "gateway", "beat", "redis", "postgres"}
    assert services["web"]["environment"]["BELLHOP_DATABASE_URL"] == "postgresql+psycopg://bellhop:a1@postgres/bellhop"
    assert services["worker"]["environment"]["BELLHOP_BOT_LOGIN"] == "bellhop[bot]"
    assert "$REDISCLI_AUTH" in services["redis"]["command"][-1], "the shell in the container fills it in, not Compose"


@pytest.mark.parametrize("name", FILLED)
def test_what_must_be_set_is_asked_for_by_name(compose: tuple[str, ...], tmp_path: Path, name: str) -> None:
    answer = config(compose, tmp_path, {key: value for key, value in FILLED.items() if key != name})
    assert answer.returncode != 0
    assert name in answer.stderr


@pytest.mark.parametrize("process", ["web", "worker", "gateway", "beat"])
def test_what_is_left_empty_has_its_default(
    services: dict[str, Any], process: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compose passes an empty value on; a proxy or a CA bundle called "" would break every request."""
    environment = services[process]["environment"]
    for name in [each for each in os.environ if each.startswith("BELLHOP_") or each.endswith("_API_KEY")]:
        monkeypatch.delenv(name)
    untouched = Settings()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    empty = {name.removeprefix("BELLHOP_").lower() for name, value in environment.items() if not value}
    assert empty
    settings = Settings()
    assert {name: getattr(settings, name) for name in empty} == {name: getattr(untouched, name) for name in empty}
