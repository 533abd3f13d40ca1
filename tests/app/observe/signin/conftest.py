"""An emulated GitHub, the web process with people signing in, and a run in each of its repositories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.event import Repo
from app.emulators.github import GitHubEmulator, serve
from app.ledger.database import Database
from app.main import make_app
from app.serving import listen, serving
from app.settings import Settings
from tests.app.emulators.github.github_kit import seed
from tests.app.observe import scene_runs
from tests.app.observe.scene_runs import NoWakeup, event, started
from tests.app.observe.signin.signin_scene import SECRET, Scene


@pytest.fixture(scope="session")
def app_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("key") / "app.pem"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with scene_runs.ledger(tmp_path) as ready:
        yield ready


@pytest.fixture
def scene(tmp_path: Path, app_key: Path, database: Database) -> Iterator[Scene]:
    runs = {}
    for number, (name, repository_id) in enumerate({"octo/hello": 1001, "octo/secret": 1002, "octo/open": 1003}.items(), 1):
        repo = Repo(id=repository_id, full_name=name, default_branch="main", installation_id=55)
        of = event(number, title=f"Run in {name}").model_copy(update={"repo": repo, "thread": f"github:{name}#1"})
        runs[name], _ = started(database, of)
    made = seed(app_key)
    # Nobody reads a file here, and commits take time.
    made = made.model_copy(update={"repositories": tuple(repo.model_copy(update={"files": {}}) for repo in made.repositories)})
    with GitHubEmulator(tmp_path / "github", made) as github, serve(github):
        listener = listen("127.0.0.1", 0)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        github.set_callback_urls(f"{url}/signin/callback")
        settings = Settings(
            github_web_url=github.web_url, github_api_url=github.api_url, public_url=url, github_client_id=github.app.client_id, github_client_secret=SECRET,
        )
        with serving(make_app(settings, database, NoWakeup(), {}), listener, stop_seconds=1):
            yield Scene(github, database, url, runs)
