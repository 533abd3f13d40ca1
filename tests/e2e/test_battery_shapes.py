"""Hostile `.git` directories, objects, pipes and links, a flood of output and a bomb of memory, in whole runs next to each other.

Each run has exactly one outcome, the host bears no mark, nothing is left, no secret is anywhere, and the next honest run works.
What each single part refuses is held by its own tests (tests/app/publish/test_quarantine.py, tests/sidecar/runner).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docker
import pytest

from app.attack.canaries import found_in
from app.attack.incident import Incident
from app.attack.sealed import sealed, settings_for
from app.attack.world import EDITED, REPO, world
from app.core.outcome import Failed, Outcome, PullRequest, Refused
from app.demo.sandbox import Choice
from app.demo.scene import demo_settings
from app.ledger import runs
from tests.conftest import missing
from tests.e2e.battery_shapes import GIT, HONEST, MEMORY, OBJECTS
from tests.e2e.harness import LEVELS, share_tooling, until, what_is_left
from tests.e2e.test_battery import Inspected, _guarantees, canaries_of, read_all

pytestmark = [pytest.mark.slow]  # four whole runs for each level, three of them at a time
SCRIPTS = {"git": GIT, "objects": OBJECTS, "memory": MEMORY, "honest": HONEST}


def incidents(most_memory_mb: int) -> Iterator[Incident]:
    for name, script in SCRIPTS.items():
        yield Incident(
            id=name, when="2026-11", name=name, how="Everything.", source="tests", threats=("T29",), after=("host-secret",),
            title=f"Please do the {name} work", asks="All of it.", script=f"MOST_MEMORY_MB = {most_memory_mb}\n{script}",
        )


@pytest.mark.parametrize(("backend", "isolation"), LEVELS)
def test_t29_t33_t60_what_an_agent_leaves_behind_harms_nobody_and_the_next_run_works(
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
    # Where nothing holds a bomb of memory it is none: this machine is not to suffer.
    bounded = backend != "bubblewrap" or "memory_limit" in _guarantees(settings)
    with world(place / "world", played := list(incidents(2048 if bounded else 64))) as around:
        made = settings_for(around, settings, choice)
        profile = made.profiles_dir / "fix-issue.yaml"
        profile.write_text(profile.read_text().replace("timeout-minutes", "  memory-mb: 512\n  disk-mb: 256\ntimeout-minutes"))
        with sealed(around, made) as worker, Inspected(docker_client) as engine:
            around.begin()
            with ThreadPoolExecutor(3) as hostile:
                list(hostile.map(worker.work, played[:3], (1, 2, 3)))
            worker.work(played[3], 4)
            until(lambda: what_is_left(made.state_dir, made.runtime_dir) == [], "nothing is left of the runs")
            with worker.bellhop.database.read() as tx:
                ended = {run.thread.rpartition("#")[2]: run.outcome for run in runs.recent(tx)}
            assert sorted(ended) == ["1", "2", "3", "4"]
            git, objects, memory, honest = (ended[number] for number in sorted(ended))
            said = read_all(around, worker, made, engine)
            shapes = {name: changed(around, outcome, "shapes.json") for name, outcome in (("git", git), ("memory", memory))}
            edited = changed(around, honest, EDITED)
            out = around.out()
            marks = list(Path(around.addresses["marks"]).iterdir())
            bot = around.github.app.bot
            answers = {number: [one for one in around.github.comments(REPO, number) if one.user == bot] for number in (1, 2, 3, 4)}
    logged = capfd.readouterr()
    said["log"] = (logged.out + logged.err).encode()

    assert isinstance(honest, PullRequest), honest
    assert "(honest)" in edited
    assert isinstance(git, PullRequest), git
    assert isinstance(objects, Refused), objects
    assert objects.reason == "bad_objects"
    got = json.loads(shapes["git"])
    assert got["devices"] == []
    assert got["flood"] >= 16 << 20
    assert len(said["ledger: steps"]) < 4 << 20
    if isinstance(memory, PullRequest):
        assert not bounded or json.loads(shapes["memory"])["memory"] != 0
    else:
        assert isinstance(memory, Failed), memory
        assert bounded
        # gVisor's kill is not always told by an engine as old as 20.10: then all that is known is that the sandbox died.
        assert memory.reason in ({"out_of_memory", "lost"} if backend == "gvisor" else {"out_of_memory"})
    assert {number: len(each) for number, each in answers.items()} == {1: 1, 2: 1, 3: 1, 4: 1}
    assert marks == []
    secrets = canaries_of(around, made)
    assert {where: names for where, content in said.items() if (names := found_in(content, secrets))} == {}
    assert out == {}


def changed(around: Any, outcome: Outcome | None, path: str) -> str:
    """What a run's own branch holds at a path."""
    return around.github.read(REPO, outcome.branch, path) if isinstance(outcome, PullRequest) else ""
