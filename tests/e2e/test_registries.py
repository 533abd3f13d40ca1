"""Packages in a sealed container, from the label to the pull request: pip and apt as they are, with no network at all."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pip
import pytest
from pydantic import SecretStr

from app.embedded import running
from app.emulators.github.emulator import GitHubEmulator
from app.ledger import audit, runs, steps
from app.serving import listen, serving
from app.settings import Settings
from tests.app.execute.gateway.registry import packages
from tests.app.execute.gateway.registry.fake_registry import TOKEN, FakeRegistry, Stage
from tests.e2e.harness import REPO, SECRET, profile, share_tooling, until, what_is_left

pytestmark = [pytest.mark.slow, pytest.mark.docker]  # a whole run, in which pip and apt install

# What an agent would type, but that pip is not in the image and comes as a package too.
SCRIPT = r"""
python=/agent/bin/python3
$python - <<'END'
import os, re, urllib.request
index = os.environ["PIP_INDEX_URL"]
page = urllib.request.urlopen(urllib.request.Request(index + "pip/", headers={"accept": "text/html"})).read().decode()
urllib.request.urlretrieve(re.search(r'href="([^"#]+)', page)[1], os.environ["HOME"] + "/pip.whl")
END
$python $HOME/pip.whl/pip install --no-cache-dir --target $HOME/site hello mine==1.0 --extra-index-url ${PIP_INDEX_URL%/pypi/simple/}/secret/simple/
sed -i 's/^deb /deb [trusted=yes] /' $HOME/.bellhop/apt/sources.list
apt-get update && apt-get install -y hello-bellhop && hello-bellhop >$HOME/said
$python - <<'END'
import json, os, sys, urllib.error, urllib.request
home = os.environ["HOME"]
sys.path.insert(0, home + "/site")
import hello, mine
registry = os.environ["PIP_INDEX_URL"].removesuffix("simple/")
found = {"hello": hello.SAID, "mine": mine.SAID, "apt": open(home + "/said").read()}
for method, path in (("POST", "legacy/"), ("PUT", "simple/stolen/"), ("GET", "../npm/left")):
    try:
        urllib.request.urlopen(urllib.request.Request(registry + path, data=b"stolen" if method != "GET" else None, method=method))
        found[method] = "taken"
    except urllib.error.HTTPError as error:
        found[method] = error.code
with open("found.json", "w") as file:
    json.dump(found, file)
END
"""


@pytest.fixture
def registry(place: Path) -> Iterator[FakeRegistry]:
    stage, listener = Stage(), listen("127.0.0.1", 0)
    with serving(stage.app, listener, stop_seconds=1):
        made = stage.present = FakeRegistry(f"http://127.0.0.1:{listener.getsockname()[1]}")
        made.private = ("/secret",)
        made.add_wheel("hello", "1.0", "from a public registry")
        made.add_wheel("mine", "1.0", "from a private one", root="/secret")
        made.put("/pypi/simple/mine/", b'{"meta": {}, "files": []}', "application/vnd.pypi.simple.v1+json")
        made.put("/secret/simple/hello/", b'{"meta": {}, "files": []}', "application/vnd.pypi.simple.v1+json")
        made.put("/pypi-files/pip-1.0-py3-none-any.whl", pip_as_wheel())
        made.put("/pypi/simple/pip/", f'<a href="{made.url}/pypi-files/pip-1.0-py3-none-any.whl">pip</a>'.encode(), "text/html")
        archive = packages.debian_archive("hello-bellhop", "1.0", packages.deb(place, "hello-bellhop", "1.0", "from an archive"))
        for path, data in archive.items():
            made.put(f"/debian/{path}", data)
        yield made


def pip_as_wheel() -> bytes:
    """The pip that runs these tests, as one file: pip runs from a wheel."""
    root = Path(pip.__file__).parent
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in root.rglob("*"):
            if path.is_file() and path.suffix != ".pyc":
                archive.write(path, str(Path("pip") / path.relative_to(root)))
    return buffer.getvalue()


def settings_for(emulator: GitHubEmulator, place: Path, docker_host: str, registry: FakeRegistry) -> Settings:
    (place / "token").write_text(TOKEN)
    (place / "registries.yaml").write_text(f"""\
pypi: {{kind: pypi, url: {registry.url}/pypi/simple/, files: [{registry.url}/pypi-files/]}}
secret: {{kind: pypi, url: {registry.url}/secret/simple/, files: [{registry.url}/secret-files/], token-file: {place}/token}}
debian: {{kind: debian, url: {registry.url}/debian/, suites: [stable]}}
""")
    share_tooling(place / "state")
    made = Settings(
        state_dir=place / "state", runtime_dir=place / "run", profiles_dir=place / "profiles", database_url="",
        broker_url="memory://", web_host="127.0.0.1", web_port=0, public_url="", host_name="here", sandbox_backend="docker",
        docker_host=docker_host, github_api_url=emulator.api_url, github_web_url=emulator.web_url,
        bot_login=f"{emulator.app.slug}[bot]", github_app_id=str(emulator.app.id), log_level="WARNING", sweep_seconds=1,
        registries_file=place / "registries.yaml",
    )
    return made.model_copy(update={
        "github_webhook_secret": SecretStr(SECRET), "github_private_key": SecretStr(emulator.private_key_pem or ""),
    })


def test_t37_t56_packages_install_in_a_sealed_container_and_nothing_is_published(
    emulator: GitHubEmulator, place: Path, docker_host: str, debian_image: str, docker_client: docker.APIClient,
    registry: FakeRegistry,
) -> None:
    (place / "profiles").mkdir()
    (place / "profiles" / "fix.yaml").write_text(profile(
        SCRIPT, image=debian_image, more="egress: {registries: [pypi, secret, debian]}\ntimeout-minutes: 3",
    ))
    with running(settings_for(emulator, place, docker_host, registry)) as bellhop:
        emulator.set_webhook_url(f"{bellhop.url}/hooks/github")
        emulator.person("ada").label(REPO, 1, "bellhop")

        def told() -> bool:
            said = emulator.comments(REPO, 1)
            return bool(said) and any(word in said[0].body for word in ("ull request", "did not work", "Not done"))

        def transcript() -> str:
            with bellhop.database.read() as tx:
                return "\n".join(row.step.text for row in steps.after(tx, runs.recent(tx, 1)[0].id))

        until(told, "the comment tells of an outcome", transcript, timeout_seconds=150)
        assert emulator.pull_requests(REPO), transcript()
        with bellhop.database.read() as tx:
            run = runs.recent(tx, 1)[0]
            denied = [row.step.text for row in steps.after(tx, run.id) if row.step.kind == "denied"]
            used = [row for row in audit.of_run(tx, run.id) if row.action == "registry" and row.credential_id != "-"]
        until(lambda: what_is_left(place / "state", place / "run") == [], "nothing is left of the run")
        [branch] = [name for name in emulator.branches(REPO) if name != "main"]
        found: dict[str, Any] = json.loads(emulator.read(REPO, branch, "found.json"))
        kept = b"".join(path.read_bytes() for path in (place / "state").glob("bellhop.db*"))

    assert found == {"hello": "from a public registry", "mine": "from a private one", "apt": "from an archive, configured\n",
                     "POST": 403, "PUT": 403, "GET": 403}
    assert {asked.method for asked in registry.asked} <= {"GET", "HEAD"}
    assert len(denied) == 3
    assert [row.verdict for row in used] == ["200"] * len(used)
    assert {row.target.partition(" /registry/secret/")[2].partition("/")[0] for row in used} == {"simple", "files"}
    assert TOKEN.encode() not in kept
