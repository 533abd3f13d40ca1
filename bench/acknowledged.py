"""How long from a delivery that was accepted to the status comment standing in the thread, while runs are live.

An embedded Bellhop, with GitHub's second between writes as by default, over an emulated GitHub that refuses what comes closer. The floor is the least
that an answer takes there, asked in turns with it: a token, the permission, the thread's comments, the comment, and the token back.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import jwt
from pydantic import SecretStr

from app.embedded import Bellhop, running
from app.emulators.github import GitHubEmulator, Seed, SeedApp, SeedInstallation, SeedRepository, serve
from app.emulators.github.seed import SeedLabel
from app.ledger import inbox, runs
from app.log import configure_logging
from app.settings import Settings
from bench.load import percentile
from bench.report import Number

REPO, FLOOR_REPO = "octo/till", "floor/till"
ROUNDS, BURST, LIVE = 20, 6, 2
# Runs of so long are live all the time: two begin before, and one with every ring.
PAUSE_SECONDS, AGENT_SECONDS = 3.0, 6
WAIT_SECONDS = 120

PROFILE = f"""\
on:
  issues: {{types: [labeled], labels: [bellhop]}}
agent:
  uses: command
  with: {{run: "sleep {AGENT_SECONDS}"}}
container: {{isolation: process}}
"""


def measure() -> Iterator[Number]:
    """Measure one at a time, and a burst; yield the ratio to the floor, what half and all but one of a hundred took, and the burst's last."""
    configure_logging("ERROR", readable=True)
    with tempfile.TemporaryDirectory(prefix="bh-bench-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        seed = Seed(
            app=SeedApp(permissions={"metadata": "read", "contents": "write", "issues": "write", "pull_requests": "write", "checks": "write"}),
            repositories=tuple(
                SeedRepository(full_name=repo, files={"till.txt": "999\n"}, collaborators={"ada": "write"}, labels=(SeedLabel(name="bellhop"),))
                for repo in (REPO, FLOOR_REPO)
            ),
            # The floor has an installation of its own, so that neither takes the other's turns.
            installations=(SeedInstallation(account="octo"), SeedInstallation(account="floor")), write_spacing_seconds=1.0,
        )
        with (
            GitHubEmulator(directory / "github", seed) as github, serve(github),
            running(_settings(directory, github, seed)) as bellhop, httpx.Client(base_url=github.api_url) as bare,
        ):
            github.set_webhook_url(f"{bellhop.url}/hooks/github")
            _acknowledged(bellhop, github, [_ring(github) for _ in range(LIVE)])
            took, floors = [], []
            for _ in range(ROUNDS):
                time.sleep(PAUSE_SECONDS / 2)
                took += _acknowledged(bellhop, github, [_ring(github)])
                time.sleep(PAUSE_SECONDS / 2)
                floors.append(_bare(github, bare))
            time.sleep(PAUSE_SECONDS)
            burst = max(_acknowledged(bellhop, github, [_ring(github) for _ in range(BURST)]))
            _drained(bellhop)
    floor_ms = statistics.median(floors)
    yield Number("acknowledged_ratio", statistics.median(took) / floor_ms, "of a bare answer", 1.0)
    yield Number("acknowledged_p50_ms", statistics.median(took), "ms", floor_ms)
    yield Number("acknowledged_p99_ms", percentile(took, 0.99), f"ms (of {ROUNDS})", percentile(floors, 0.99), 10_000, at_most=True)
    # GitHub asks for a second between any two of them.
    yield Number("acknowledged_burst_ms", burst, f"ms (the last of {BURST})", (BURST - 1) * 1000 + floor_ms, 10_000, at_most=True)


def _settings(directory: Path, github: GitHubEmulator, seed: Seed) -> Settings:
    profiles = directory / "profiles"
    profiles.mkdir()
    (profiles / "wait.yaml").write_text(PROFILE, encoding="utf-8")
    return Settings(
        state_dir=directory / "state", runtime_dir=directory / "run", profiles_dir=profiles, web_port=0, host_name="bench",
        sandbox_backend="bubblewrap", bot_login="bellhop[bot]", github_webhook_secret=SecretStr(seed.app.webhook_secret),
        github_app_id=str(github.app.id), github_private_key=SecretStr(github.private_key_pem or ""), github_api_url=github.api_url,
        github_web_url=github.web_url, github_write_spacing_seconds=1.0,
    )


def _ring(github: GitHubEmulator) -> int:
    return github.person("ada").open_issue(REPO, "Lost cent", labels=("bellhop",)).number


def _acknowledged(bellhop: Bellhop, github: GitHubEmulator, numbers: list[int]) -> list[float]:
    """Wait until each issue has its comment, and return the milliseconds from the delivery's row to that."""
    took, deadline = [], time.monotonic() + WAIT_SECONDS
    for number in numbers:
        while not (said := github.comments(REPO, number)):
            if time.monotonic() > deadline:
                raise RuntimeError(f"nobody has answered in {REPO}#{number}")
            time.sleep(0.01)
        with bellhop.database.read() as tx:
            run = next(run for run in runs.recent(tx) if run.thread == f"github:{REPO}#{number}")
            took.append(said[0].created_at.timestamp() * 1000 - inbox.received_at(tx, run.id))
    return took


def _bare(github: GitHubEmulator, bare: httpx.Client) -> float:
    """Answer once with nothing but the requests that it takes, and return the milliseconds."""
    number = github.person("ada").open_issue(FLOOR_REPO, "Lost cent").number
    repository = github.repository(FLOOR_REPO)
    started = time.perf_counter()
    now = int(time.time())
    proof = jwt.encode({"iat": now - 60, "exp": now + 300, "iss": str(github.app.id)}, github.private_key_pem or "", algorithm="RS256")
    found = bare.get(f"/repos/{FLOOR_REPO}/installation", headers={"authorization": f"Bearer {proof}"}).raise_for_status().json()["id"]
    asked = {"repository_ids": [repository.id], "permissions": {"issues": "write"}}
    minted = bare.post(f"/app/installations/{found}/access_tokens", json=asked, headers={"authorization": f"Bearer {proof}"})
    ours = {"authorization": f"Bearer {minted.raise_for_status().json()['token']}"}
    bare.get(f"/repos/{FLOOR_REPO}/collaborators/ada/permission", headers=ours).raise_for_status()
    thread = f"/repos/{FLOOR_REPO}/issues/{number}/comments"
    bare.get(thread, headers=ours).raise_for_status()
    bare.post(thread, json={"body": "I am on it."}, headers=ours).raise_for_status()
    took_ms = (time.perf_counter() - started) * 1000
    bare.delete("/installation/token", headers=ours).raise_for_status()
    return took_ms


def _drained(bellhop: Bellhop) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        with bellhop.database.read() as tx:
            if all(run.state == "done" for run in runs.recent(tx)):
                return
        if time.monotonic() > deadline:
            raise RuntimeError("the bench's runs do not end")
        time.sleep(0.1)
