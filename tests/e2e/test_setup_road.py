"""Dependencies by a lockfile, installed once from a registry in a sealed sandbox, and there for the agents and the checks of later runs."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.core.outcome import PullRequest
from app.core.run import Run
from app.embedded import Bellhop, running
from app.emulators.github.emulator import GitHubEmulator
from app.emulators.github.seed import SeedIssue, SeedLabel, SeedRepository
from app.ledger import runs, sandboxes, steps
from app.serving import listen, serving
from app.settings import Settings
from tests.app.execute.gateway.registry.fake_registry import FakeRegistry, Stage
from tests.conftest import missing
from tests.e2e.harness import LEVELS, REPO, SECRET, github, profile, share_tooling, until, what_is_left
from tests.e2e.test_registries import pip_as_wheel

pytestmark = pytest.mark.slow  # two whole runs with four or five sandboxes, in which pip installs

# pip comes as a package too: neither an image nor a host need have it. What it installs lies where git ignores it, and in HOME.
SETUP = r"""setup:
  steps:
    - name: pip
      run: |
        /agent/bin/python3 - <<'END'
        import os, re, urllib.request
        index = os.environ["PIP_INDEX_URL"]
        page = urllib.request.urlopen(urllib.request.Request(index + "pip/", headers={"accept": "text/html"})).read().decode()
        urllib.request.urlretrieve(re.search(r'href="([^"#]+)', page)[1], os.environ["HOME"] + "/pip.whl")
        END
    - name: packages
      run: |
        /agent/bin/python3 $HOME/pip.whl/pip install --no-cache-dir --require-hashes -r requirements.txt --target vendor
        mkdir -p ~/.local/bin
        printf '#!/bin/sh\necho a tool of its own\n' >~/.local/bin/tool
        chmod 755 ~/.local/bin/tool
        echo dropped >not-ignored.txt
egress: {registries: [pypi]}
verify: |
  tool >said.txt
  grep -q 'a tool of its own' said.txt
  PYTHONPATH=vendor /agent/bin/python3 check.py
timeout-minutes: 3
"""
AGENT = r"""
PYTHONPATH=vendor /agent/bin/python3 -c 'import hello; print(hello.SAID)' >>found.txt
tool >>found.txt
ls -A >>seen.txt
echo spoiled >vendor/hello/__init__.py 2>/dev/null || echo spoiled >vendor/hello.py
echo spoiled >~/.local/bin/tool
case "$(cat task.txt)" in
  more) printf 'mine==1.0 --hash=sha256:%s\n' "$(cat mine.sha256)" >>requirements.txt; echo 'import hello, mine' >check.py ;;
  *) echo more >task.txt ;;
esac
"""


def requirements(registry: FakeRegistry) -> tuple[str, str]:
    hello, mine = (
        hashlib.sha256(registry.files[registry.add_wheel(name, "1.0", said)][1]).hexdigest()
        for name, said in (("hello", "from the registry"), ("mine", "asked for by an agent"))
    )
    return f"hello==1.0 --hash=sha256:{hello}\n", mine


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    stage, listener = Stage(), listen("127.0.0.1", 0)
    with serving(stage.app, listener, stop_seconds=1):
        made = stage.present = FakeRegistry(f"http://127.0.0.1:{listener.getsockname()[1]}")
        made.put("/pypi-files/pip-1.0-py3-none-any.whl", pip_as_wheel())
        made.put("/pypi/simple/pip/", f'<a href="{made.url}/pypi-files/pip-1.0-py3-none-any.whl">pip</a>'.encode(), "text/html")
        yield made


@pytest.fixture
def hub(tmp_path: Path, registry: FakeRegistry) -> Iterator[GitHubEmulator]:
    lock, mine = requirements(registry)
    repository = SeedRepository(
        full_name=REPO, collaborators={"ada": "write"}, labels=(SeedLabel(name="bellhop"),),
        files={"requirements.txt": lock, "mine.sha256": f"{mine}\n", "task.txt": "first\n", ".gitignore": "vendor/\nsaid.txt\n", "check.py": "import hello\n"},
        issues=(SeedIssue(title="One", user="ada", body="One."), SeedIssue(title="Two", user="ada", body="Two.")),
    )
    with github(tmp_path / "github", repository) as emulator:
        yield emulator


def settings_for(hub: GitHubEmulator, place: Path, backend: str, docker_host: str, registry: FakeRegistry) -> Settings:
    (place / "registries.yaml").write_text(f"pypi: {{kind: pypi, url: {registry.url}/pypi/simple/, files: [{registry.url}/pypi-files/]}}\n")
    share_tooling(place / "state")
    made = Settings(
        state_dir=place / "state", runtime_dir=place / "run", profiles_dir=place / "profiles", database_url="",
        broker_url="memory://", web_host="127.0.0.1", web_port=0, public_url="", host_name="here", sandbox_backend=backend,
        docker_host=docker_host, github_api_url=hub.api_url, github_web_url=hub.web_url, bot_login=f"{hub.app.slug}[bot]",
        github_app_id=str(hub.app.id), log_level="WARNING", sweep_seconds=1, registries_file=place / "registries.yaml",
    )
    return made.model_copy(update={
        "github_webhook_secret": SecretStr(SECRET), "github_private_key": SecretStr(hub.private_key_pem or ""),
    })


def over(bellhop: Bellhop, hub: GitHubEmulator, number: int) -> Run:
    """Label an issue, and return its run when it is over."""
    hub.person("ada").label(REPO, number, "bellhop")

    def newest() -> Run | None:
        with bellhop.database.read() as tx:
            return next((run for run in runs.recent(tx) if run.event.number == number), None)

    def transcript() -> str:
        run = newest()
        with bellhop.database.read() as tx:
            return f"{run}\n" + "\n".join(row.step.text for row in steps.after(tx, run.id if run else ""))

    until(lambda: (run := newest()) is not None and run.state == "done", f"the run of issue {number} is over", transcript, 150.0)
    run = newest()
    assert run is not None
    assert isinstance(run.outcome, PullRequest), transcript()
    assert run.outcome.verify is not None
    assert run.outcome.verify.passed, transcript()
    return run


@pytest.mark.parametrize(("backend", "isolation"), LEVELS)
def test_t37_t39_what_a_lockfile_names_is_installed_once_and_is_there_for_agents_and_checks(
    backend: str, isolation: str, hub: GitHubEmulator, place: Path, docker_host: str, registry: FakeRegistry, request: pytest.FixtureRequest,
) -> None:
    (place / "profiles").mkdir()
    # An engine is asked for where one is needed only.
    image: str = request.getfixturevalue("bubblewrap" if backend == "bubblewrap" else "debian_image")
    if backend == "gvisor" and "runsc" not in request.getfixturevalue("docker_client").info()["Runtimes"]:
        missing("the Docker engine has no runtime `runsc`")
    image = "" if backend == "bubblewrap" else image
    (place / "profiles" / "fix.yaml").write_text(profile(AGENT, isolation=isolation, image=image, more=SETUP))
    with running(settings_for(hub, place, backend, docker_host, registry)) as bellhop:
        hub.set_webhook_url(f"{bellhop.url}/hooks/github")
        first = over(bellhop, hub, 1)
        asked = len(registry.asked)
        assert asked > 0
        ada = hub.person("ada")
        ada.push(REPO, "main", {"task.txt": "more\n"})
        second = over(bellhop, hub, 2)
        with bellhop.database.read() as tx:
            roles = {run.id: [row.role for row in sandboxes.of_run(tx, run.id)] for run in (first, second)}
        until(lambda: what_is_left(place / "state", place / "run") == [], "nothing is left of the runs")
        kept = sorted(path.name.partition("-")[0] for path in (place / "state" / "layers").iterdir())
    assert roles == {first.id: ["setup", "work", "verify"], second.id: ["work", "setup-verify", "verify"]}
    for run in (first, second):
        assert hub.read(REPO, run.branch, "found.txt") == "from the registry\na tool of its own\n"
        seen = hub.read(REPO, run.branch, "seen.txt").split()
        assert "vendor" in seen
        assert not {"not-ignored.txt", ".bellhop-layer"} & set(seen)
        assert "vendor/" not in subprocess.run(
            ["git", "--git-dir", hub.repository(REPO).path, "ls-tree", "-r", "--name-only", run.branch], capture_output=True, text=True, check=True, timeout=30,
        ).stdout
    # The second agent installed nothing; the check of its result did, for what it had added.
    assert any("mine" in path for path in registry.paths())
    assert len(kept) == 2
    assert kept.count("private") == 1
