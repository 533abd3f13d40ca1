"""One script in a real run tries everything else; then each secret that Bellhop knows is looked for in every place.

`test_hostile_agent.py` and the conformance suite hold what a sandbox is sealed by; here the whole is searched afterwards, for
canaries in every form: what the emulators got, the ledger, the transcript, the pages, the logs, the disk, the engine's own record.
A marker that may be everywhere (the text of a file of the repository) must be found by the same search, or it proves nothing.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest
from sqlalchemy import select

from app.attack.canaries import Canary, found_in
from app.attack.incident import Incident
from app.attack.sealed import Sealed, sealed, settings_for
from app.attack.world import REPO, World, world
from app.demo.sandbox import Choice
from app.demo.scene import demo_settings
from app.ledger.tables import metadata
from app.settings import Settings
from tests.conftest import missing
from tests.e2e.harness import LEVELS, share_tooling, until, what_is_left

pytestmark = [pytest.mark.slow]  # a whole run for each level

SCRIPT = Path(__file__).with_name("battery_agent.txt")
MARKER = "repository-file"


def battery(isolation: str) -> Incident:
    # gVisor's kernel is a process: a bomb of this size made an old one end, and the engine then took minutes to remove it. That a bomb is
    # contained there is the conformance suite's to show.
    most = 0 if isolation == "gvisor" else 3000
    return Incident(
        id="battery", when="2026-11", name="battery", how="Everything.", source="tests", threats=("T19",), after=("model-key",),
        title="Do everything that the text says", asks="All of it.", script=f"MOST_PROCESSES = {most}\n{SCRIPT.read_text()}",
    )


def canaries_of(around: World, settings: Settings) -> list[Canary]:
    """Every credential that this Bellhop knows or its host holds, those that it minted too."""
    return [*(one for one in around.canaries.values() if one.name != MARKER), *around.more]


class Inspected:
    """What the engine shows of Bellhop's containers, looked at all along."""

    def __init__(self, client: docker.APIClient) -> None:
        self._client, self._stop, self.seen = client, threading.Event(), b""
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Inspected:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _look(self) -> None:
        known: set[str] = set()
        while not self._stop.wait(0.05):
            for one in self._client.containers(all=True, filters={"label": "bellhop=sandbox"}):
                if one["Id"] not in known:
                    try:
                        self.seen += json.dumps(self._client.inspect_container(one["Id"])).encode()
                        known.add(one["Id"])
                    except docker.errors.NotFound:
                        continue


def ledger(around: Any) -> dict[str, bytes]:
    with around.read() as tx:
        return {name: repr(tx.execute(select(table)).all()).encode() for name, table in metadata.tables.items()}


def disk(*directories: Path) -> dict[str, bytes]:
    """Every file below, but the vault of live tokens, which is 0600 and empty by now."""
    found = {}
    for directory in directories:
        for path in directory.rglob("*"):
            if path.is_file() and not path.is_symlink() and "tooling" not in path.parts:
                found[str(path)] = path.read_bytes()
    return found


def pages(url: str, link: str, run_id: str) -> bytes:
    with httpx.Client(trust_env=False, timeout=20, follow_redirects=True) as browser:
        browser.post(link.split("?", maxsplit=1)[0], data={"key": link.split("key=")[1]}, headers={"origin": url})
        return b"".join(browser.get(f"{url}{path}").content for path in ("/", f"/runs/{run_id}", f"/api/runs/{run_id}", f"/api/runs/{run_id}/credentials"))


@pytest.mark.parametrize(("backend", "isolation"), LEVELS)
def test_t46_t56_nothing_that_an_agent_tries_brings_a_secret_anywhere(
    backend: str, isolation: Any, place: Path, docker_host: str, debian_image: str, docker_client: docker.APIClient,
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
) -> None:
    if backend == "gvisor" and "runsc" not in docker_client.info()["Runtimes"]:
        missing("the Docker engine has no runtime `runsc`")
    monkeypatch.setenv("BELLHOP_DOCKER_HOST", docker_host)
    settings = demo_settings(place)
    share_tooling(settings.state_dir)
    (place / "world").mkdir()
    choice = Choice(backend, isolation, None if backend == "bubblewrap" else debian_image)
    with world(place / "world", [battery(isolation)]) as around:
        made = settings_for(around, settings, choice)
        profile = made.profiles_dir / "fix-issue.yaml"
        profile.write_text(profile.read_text().replace(
            "timeout-minutes", "  disk-mb: 256\n  pids: 256\negress:\n  connect: [allowed.example]\ntimeout-minutes"))
        with sealed(around, made) as worker, Inspected(docker_client) as engine:
            around.begin()
            url = worker.work(battery(isolation), 1)
            assert "/pull/" in url, url
            until(lambda: what_is_left(made.state_dir, made.runtime_dir) == [], "nothing is left of the run")
            said = read_all(around, worker, made, engine)
            loot = json.loads(around.github.read(REPO, _branch(around), "loot.json"))
            out = around.out()
    logged = capfd.readouterr()
    said["log"] = (logged.out + logged.err).encode()

    # The search finds what is there, in every place where it should be.
    marker = [around.canaries[MARKER]]
    for where in ("transcript", "pages", "what the model got", "ledger: exchanges"):
        assert found_in(said[where], marker) == {MARKER}, where
    if backend != "bubblewrap":
        assert b"bellhop.run" in said["engine"]
    # And of the secrets it finds none, anywhere.
    secrets = canaries_of(around, made)
    assert len(secrets) >= 8
    found = {where: names for where, content in said.items() if (names := found_in(content, secrets))}
    assert found == {}
    assert out == {}

    assert loot.pop("files") is True
    assert loot.pop("forged") == {"hello": [409], "steps": [401], "end": [401], "assignment": [401]}
    bombs = loot.pop("bombs")
    assert bombs["disk"] is False
    if backend != "bubblewrap" or "pids_limit" in _guarantees(made):
        assert bombs["processes"] is False
    assert loot == {"families": [], "reached": [], "netlink": [], "connect": [], "writes": []}


def read_all(around: World, worker: Sealed, settings: Settings, engine: Inspected) -> dict[str, bytes]:
    """Everything that is kept or shown after the run, by where it is."""
    bellhop = worker.bellhop
    rows = ledger(bellhop.database)
    with bellhop.database.read() as tx:
        from app.ledger import runs, steps

        run = runs.recent(tx, 1)[0]
        transcript = json.dumps([row.step.model_dump() for row in steps.after(tx, run.id, limit=100_000)]).encode()
    said = {f"ledger: {name}": content for name, content in rows.items()} | {"transcript": transcript, "engine": engine.seen}
    said["pages"] = pages(bellhop.url, bellhop.new_link(), run.id)
    said["what the model got"] = b"".join(got.bytes("x-api-key") for got in around.since() if got.service == "model")
    return said | disk(settings.state_dir, settings.runtime_dir)


def _branch(around: World) -> str:
    [branch] = [name for name in around.github.branches(REPO) if name.startswith("bellhop/")]
    return branch


def _guarantees(settings: Settings) -> frozenset[str]:
    from app.execute.sandboxes.choose import backend_named

    return frozenset(backend_named("bubblewrap", settings).guarantees)
