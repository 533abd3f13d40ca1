"""The embedded Bellhop: a clean start and stop, twice in one process, nothing left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from app.embedded import only_one, prepare_directories, running, working
from app.emulators.github.emulator import GitHubEmulator
from app.errors import ConfigurationError
from app.settings import Settings
from tests.e2e.harness import SECRET, github


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHubEmulator]:
    with github(tmp_path_factory.mktemp("github")) as ready:
        yield ready


@pytest.fixture
def settings(emulator: GitHubEmulator, tmp_path: Path, runtime_dir: Path) -> Settings:
    (tmp_path / "profiles").mkdir()
    return Settings(
        state_dir=tmp_path / "state", runtime_dir=runtime_dir, profiles_dir=tmp_path / "profiles", web_port=0, database_url="",
        broker_url="memory://", host_name="here", sandbox_backend="bubblewrap", github_webhook_secret=SecretStr(SECRET),
        github_app_id=str(emulator.app.id), github_private_key=SecretStr(emulator.private_key_pem or ""),
        github_api_url=emulator.api_url, github_web_url=emulator.web_url, log_level="ERROR",
    )


def own_threads() -> set[str]:
    """Return the names of all threads, but of those that a loop which goes on, the emulator's, has made for its own requests."""
    return {
        each.name for each in threading.enumerate()
        if each.is_alive() and ((loop := getattr(each, "loop", None)) is None or loop.is_closed())
    }


def gone(names: set[str]) -> set[str]:
    """What is left of the threads after those that end by themselves have had their time."""
    deadline = time.monotonic() + 10
    while (left := own_threads() - names) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def test_it_starts_and_stops_twice_and_leaves_no_thread_behind(settings: Settings) -> None:
    before = own_threads()
    for _ in range(2):
        began = time.monotonic()
        with running(settings) as bellhop:
            assert httpx.get(f"{bellhop.url}/health", trust_env=False).json() == {"ok": True}
            link = bellhop.new_link()
            assert link.startswith(f"{bellhop.url}/enter?key=")
            with httpx.Client(base_url=bellhop.url, trust_env=False) as client:
                assert client.post("/enter", data={"key": link.partition("=")[2]}).status_code == 303
                assert client.get("/").status_code == 200
            assert not bellhop.ended.is_set()
        assert bellhop.ended.is_set()
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{bellhop.url}/health", trust_env=False)
        assert time.monotonic() - began < 25
    assert gone(before) == set()
    assert not list(settings.runtime_dir.glob("doors/*"))


def test_a_second_one_on_the_same_directories_is_refused_and_harms_nothing(settings: Settings, tmp_path: Path, runtime_dir: Path) -> None:
    with working(settings) as (database, _):
        with pytest.raises(ConfigurationError, match="another Bellhop works on") as refused, working(settings):
            pass
        assert refused.value.reason == "already_up"
        other = settings.model_copy(update={"state_dir": tmp_path / "other"})
        with pytest.raises(ConfigurationError, match="another gateway"), working(other):
            pass
        with database.read() as tx:
            assert tx.exec_driver_sql("SELECT count(*) FROM runs").scalar() == 0
    with only_one(settings.state_dir):
        pass


@pytest.mark.parametrize("changes", [
    {"github_webhook_secret": SecretStr("")}, {"github_app_id": ""}, {"profiles_dir": Path("/nowhere")},
    {"state_dir": Path("/dev/null/x")}, {"web_host": "192.0.2.1"},
])
def test_a_start_that_fails_leaves_nothing_behind(changes: dict[str, object], settings: Settings) -> None:
    before = own_threads()
    with pytest.raises(ConfigurationError), running(settings.model_copy(update=changes)):
        pass
    assert gone(before) == set()
    with only_one(prepared(settings)):
        pass


def prepared(settings: Settings) -> Path:
    prepare_directories(settings)
    return settings.state_dir


def test_the_public_address_is_what_links_say(settings: Settings) -> None:
    with running(settings.model_copy(update={"public_url": "https://bellhop.test/"})) as bellhop:
        assert bellhop.new_link().startswith("https://bellhop.test/enter?key=")
        assert bellhop.url.startswith("http://127.0.0.1:")
