"""How long from a delivery to the agent's first line, against `docker run --rm` of the same image, in turns.

Also what a whole run costs beyond the agent's and the check's own time. The image is `bellhop-test/debian:bookworm`;
the `/agent` tree and the mirror are warm, as they are on any host that has had a run before.
"""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from pydantic import SecretStr

from app.embedded import Bellhop, running
from app.emulators.github import GitHubEmulator, Seed, SeedApp, SeedInstallation, SeedRepository, serve
from app.emulators.github.seed import SeedLabel
from app.ledger import inbox, runs, sandboxes, steps
from app.log import configure_logging
from app.settings import Settings
from bench.report import Number

IMAGE = "bellhop-test/debian:bookworm"
REPO = "octo/till"
ROUNDS = 7
RUN_SECONDS = 120

PROFILE = f"""\
on:
  issues: {{types: [labeled], labels: [bellhop]}}
agent:
  uses: command
  with: {{run: "echo first; echo 1000 > till.txt"}}
container: {{image: "{IMAGE}"}}
verify: "true"
"""


def measure(docker_host: str) -> Iterator[Number]:
    """Measure both in turns; yield the ratios and the overhead."""
    configure_logging("ERROR", readable=True)
    with tempfile.TemporaryDirectory(prefix="bh-bench-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        seed = Seed(
            app=SeedApp(permissions={"metadata": "read", "contents": "write", "issues": "write", "pull_requests": "write", "checks": "write"}),
            repositories=(
                SeedRepository(full_name=REPO, files={"till.txt": "999\n"}, collaborators={"ada": "write"},
                               labels=(SeedLabel(name="bellhop"),)),
            ),
            installations=(SeedInstallation(account="octo"),),
        )
        with (
            GitHubEmulator(directory / "github", seed) as github, serve(github),
            running(_settings(directory, github, seed, docker_host)) as bellhop,
        ):
            github.set_webhook_url(f"{bellhop.url}/hooks/github")
            _run(bellhop, github)
            firsts, overheads, plain, sealed = [], [], [], []
            for _ in range(ROUNDS):
                plain.append(_docker_run(docker_host))
                sealed.append(_docker_run(docker_host, "--network", "none"))
                first_ms, overhead_ms = _run(bellhop, github)
                firsts.append(first_ms)
                overheads.append(overhead_ms)
    first_ms = statistics.median(firsts)
    yield Number("cold_start_ratio", first_ms / statistics.median(plain), "of docker run --rm", 1.0, 2.0, at_most=True)
    yield Number("cold_start_sealed_ratio", first_ms / statistics.median(sealed), "of docker run --rm --network none", 1.0)
    yield Number("cold_start_ms", first_ms, "ms", statistics.median(plain))
    yield Number("overhead_ms", statistics.median(overheads), "ms (floor: two containers)", 2 * statistics.median(sealed))


def _settings(directory: Path, github: GitHubEmulator, seed: Seed, docker_host: str) -> Settings:
    profiles = directory / "profiles"
    profiles.mkdir()
    (profiles / "fix.yaml").write_text(PROFILE, encoding="utf-8")
    return Settings(
        state_dir=directory / "state", runtime_dir=directory / "run", profiles_dir=profiles, web_port=0,
        host_name="bench", sandbox_backend="docker", docker_host=docker_host, bot_login="bellhop[bot]",
        github_webhook_secret=SecretStr(seed.app.webhook_secret), github_app_id=str(github.app.id),
        github_private_key=SecretStr(github.private_key_pem or ""), github_api_url=github.api_url,
        github_web_url=github.web_url,
        # Measured is what Bellhop takes, and not how long GitHub has writes wait for each other.
        github_write_spacing_seconds=0,
    )


def _docker_run(docker_host: str, *options: str) -> float:
    started = time.perf_counter()
    subprocess.run(["docker", "-H", docker_host, "run", "--rm", *options, IMAGE, "true"], check=True, timeout=60)
    return (time.perf_counter() - started) * 1000


def _run(bellhop: Bellhop, github: GitHubEmulator) -> tuple[float, float]:
    """Ring once; return (milliseconds to the agent's first line, milliseconds beyond the work itself)."""
    issue = github.person("ada").open_issue(REPO, "Lost cent", labels=("bellhop",))
    thread = f"github:{REPO}#{issue.number}"
    deadline = time.monotonic() + RUN_SECONDS
    while True:
        with bellhop.database.read() as tx:
            found = next((run for run in runs.recent(tx) if run.thread == thread), None)
            if found is not None and found.state == "done":
                rows = steps.after(tx, found.id)
                ends = [row.end.duration_ms for row in sandboxes.of_run(tx, found.id) if row.end is not None]
                done_ms = dict(runs.timeline(tx, found.id))["done"]
                received_ms = inbox.received_at(tx, found.id)
                break
        if time.monotonic() > deadline:
            raise RuntimeError(f"the run in {thread} is not done: {found and found.state}")
        time.sleep(0.02)
    first = next((row.at_ms for row in rows if row.step.text == "first"), None)
    if first is None or found.outcome is None or found.outcome.kind != "pull_request":
        raise RuntimeError(f"the run in {thread} did not do its work: {found.outcome}")
    return first - received_ms, done_ms - received_ms - sum(ends)
