"""`git fetch` and GitHub's API from inside a sealed sandbox: they work, and lead nowhere else (T48, T56)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import docker
import pytest

from app.embedded import running
from app.emulators.github.emulator import GitHubEmulator
from app.ledger import audit, runs
from tests.e2e.harness import REPO, profile, share_tooling, until, what_is_left
from tests.e2e.test_hostile_agent import settings_for

AGENT = Path(__file__).with_name("repository_agent.txt")
LEVELS = [
    pytest.param("bubblewrap", "process", marks=pytest.mark.bubblewrap),
    pytest.param("docker", "container", marks=pytest.mark.docker),
]


@pytest.mark.parametrize(("backend", "isolation"), LEVELS)
def test_t48_t56_the_repository_is_read_from_inside_and_nothing_is_written(
    backend: str, isolation: str, emulator: GitHubEmulator, place: Path, docker_host: str, debian_image: str,
    docker_client: docker.APIClient,
) -> None:
    (place / "profiles").mkdir()
    share_tooling(place / "state")
    script = f"/agent/bin/python3 - <<'AGENT'\n{AGENT.read_text()}\nAGENT"
    (place / "profiles" / "fix.yaml").write_text(profile(
        script, isolation=isolation, image=debian_image if backend == "docker" else "",
        more=f"env: {{WEB: '{emulator.web_url}'}}\npermissions: {{contents: read, issues: read}}\ntimeout-minutes: 3",
    ))
    with running(settings_for(emulator, place, backend, docker_host)) as bellhop:
        emulator.set_webhook_url(f"{bellhop.url}/hooks/github")
        emulator.person("ada").label(REPO, 1, "bellhop")
        until(lambda: emulator.pull_requests(REPO), "a pull request", lambda: str(emulator.comments(REPO, 1)), timeout_seconds=150)
        until(lambda: what_is_left(place / "state", place / "run") == [], "nothing is left of the run")
        [branch] = [name for name in emulator.branches(REPO) if name != "main"]
        loot: dict[str, Any] = json.loads(emulator.read(REPO, branch, "loot.json"))
        with bellhop.database.read() as tx:
            [run] = runs.recent(tx)
            used = [(row.action, row.verdict) for row in audit.of_run(tx, run.id) if row.action in ("git", "github")]
        until(lambda: emulator.live_tokens() == [], "no token lives")
        until(lambda: list((place / "run" / "credentials").glob("*.json*")) == [], "no token is on file")

    assert loot["fetch"][0] == 0, loot["fetch"]
    assert loot["origin"][1].strip() == emulator.branches(REPO)["main"]
    assert loot["clone"][0] == 0, loot["clone"]
    assert "nothing is pushed from inside" in loot["push"][2]
    assert "only octo/till can be read here" in loot["foreign"][2]
    assert loot["stolen"][0] != 0
    status, body = loot["issue"]
    assert (status, json.loads(body)["title"]) == (200, "A cent is lost")
    assert [loot[name][0] for name in ("comment", "gist", "graphql")] == [403, 403, 403]
    assert (loot["tokens"], loot["environment"]) == ([], [])
    assert "ghs_" not in loot["config"][1]
    assert ("github", "200") in used
    assert ("git", "200") in used
    assert len([1 for _, verdict in used if verdict.startswith("refused")]) >= 5
    assert set(emulator.branches(REPO)) == {"main", branch}
