"""How fast Slack's and Linear's doors answer while fifty runs are live, beside a bare handler that does the least on the same machine.

The web process is the real one, in a process of its own, and so are gateway and worker; the runs are real sandboxes whose agents say a line each
second. No profile takes what is sent here: it is verified, parsed, put on file, routed and ignored, and comes to no run.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path

from slack_sdk import WebClient

from app.core.run import Run
from app.emulators.github import GitHubEmulator, Seed, SeedApp, SeedInstallation, SeedRepository, serve
from app.emulators.github.seed import SeedLabel
from app.emulators.linear import Seed as LinearSeed
from app.emulators.linear import SeedIssue
from app.emulators.slack import SeedApp as SlackApp
from app.ledger import runs, schema
from app.ledger.database import Database
from bench import deliveries
from bench.ack import free_port, process
from bench.deliveries import Door
from bench.load import percentile, send
from bench.report import Number
from tests.environment.services import redis_server

REPO = "octo/till"
LIVE = 50
# Per door and side: so many at a steady rate, in so many rounds.
ROUNDS, REQUESTS, WARMING, PER_SECOND = 5, 200, 20, 20.0
WAIT_SECONDS = 300.0
SECRET = "a-secret-of-the-bench"  # noqa: S105 - an invented one
ISSUE_ID = "00000000-0000-4000-8000-00000000be9c"

PROFILE = """\
on:
  issues: {types: [labeled], labels: [bellhop]}
agent:
  uses: command
  with: {run: "for step in $(seq 1800); do echo step $step; sleep 1; done"}
container: {isolation: process}
"""


def measure() -> Iterator[Number]:
    """Measure both doors and the floor in turns; yield for each the ratio of the p99s, and the p99."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bh-bench-", ignore_cleanup_errors=True)))
        seed = Seed(
            app=SeedApp(permissions={"metadata": "read", "contents": "write", "issues": "write", "pull_requests": "write", "checks": "write"}),
            repositories=(SeedRepository(full_name=REPO, files={"till.txt": "999\n"}, collaborators={"ada": "write"}, labels=(SeedLabel(name="bellhop"),)),),
            installations=(SeedInstallation(account="octo"),),
        )
        github = stack.enter_context(GitHubEmulator(place / "github", seed))
        stack.enter_context(serve(github))
        doors = _emulated(stack, place)
        environment = _environment(place, github, seed, stack.enter_context(redis_server(place)), doors[1])
        database = Database(environment["BELLHOP_DATABASE_URL"])
        stack.callback(database.close)
        schema.upgrade(database)
        web, floor = int(environment["BELLHOP_WEB_PORT"]), free_port()
        stack.enter_context(process(["-m", "bench.host"], environment, socket_path=place / "run" / "gateway.sock"))
        stack.enter_context(process(["-m", "app.cli", "web"], environment, port=web))
        stack.enter_context(process(["-m", "bench.floor", str(place / "floor.db"), SECRET, str(floor)], environment, port=floor))
        stack.enter_context(_live(database, github, web))
        took = {(door.name, port): list[list[float]]() for door in doors[0] for port in (web, floor)}
        for number in range(ROUNDS + 1):
            for door in doors[0]:
                for port in (web, floor):
                    load = send(port, [door.request(port) for _ in range(REQUESTS if number else WARMING)], per_second=PER_SECOND)
                    if number:
                        took[door.name, port].append(load.latencies_ms)
        if (live := _running(database)) != LIVE:
            raise RuntimeError(f"{live} of {LIVE} runs are live after the measurement")
    for door in doors[0]:
        ours, bare = took[door.name, web], took[door.name, floor]
        ratios = [percentile(mine, 0.99) / percentile(least, 0.99) for mine, least in zip(ours, bare, strict=True)]
        yield Number(f"{door.name}_door_p99_ratio", statistics.median(ratios), f"of the bare handler, {LIVE} runs live", 1.0)
        yield Number(
            f"{door.name}_door_p99_ms", percentile([*chain(*ours)], 0.99), f"ms (of {ROUNDS * REQUESTS}, {LIVE} runs live)",
            percentile([*chain(*bare)], 0.99), goal=door.patience_ms, at_most=True,
        )


def _emulated(stack: ExitStack, place: Path) -> tuple[tuple[Door, ...], dict[str, str]]:
    """Serve Slack and Linear in processes of their own; return the doors, and what Bellhop is told of both."""
    slack, linear, app = free_port(), free_port(), SlackApp()
    own = {"PATH": "/usr/bin:/bin"}
    seed = place / "linear.yaml"
    seed.write_text(LinearSeed(issues=(SeedIssue(team="ENG", title="A cent is lost", creator="ada", id=ISSUE_ID),)).model_dump_json(), encoding="utf-8")
    stack.enter_context(process(["-m", "app.cli", "emulate", "slack", "--port", str(slack)], own, port=slack))
    stack.enter_context(process(["-m", "app.cli", "emulate", "linear", "--port", str(linear), "--seed", str(seed)], own, port=linear))
    api_url = f"http://127.0.0.1:{slack}/api/"
    who = WebClient(app.bot_token, base_url=api_url).auth_test()
    client = LinearSeed().app
    told = {
        "BELLHOP_SLACK_SIGNING_SECRET": SECRET, "BELLHOP_SLACK_BOT_TOKEN": app.bot_token, "BELLHOP_SLACK_API_URL": api_url,
        "BELLHOP_LINEAR_WEBHOOK_SECRET": SECRET, "BELLHOP_LINEAR_CLIENT_ID": client.client_id,
        "BELLHOP_LINEAR_CLIENT_SECRET": client.client_secret, "BELLHOP_LINEAR_API_URL": f"http://127.0.0.1:{linear}",
    }
    return (
        deliveries.slack(SECRET.encode(), str(who["team_id"]), str(who["user_id"])), deliveries.linear(SECRET.encode(), ISSUE_ID),
    ), told


def _environment(place: Path, github: GitHubEmulator, seed: Seed, broker_url: str, told: dict[str, str]) -> dict[str, str]:
    profiles = place / "profiles"
    profiles.mkdir()
    (profiles / "wait.yaml").write_text(PROFILE, encoding="utf-8")
    return {
        "PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "BELLHOP_DATABASE_URL": f"sqlite:///{place / 'bellhop.db'}", "BELLHOP_BROKER_URL": broker_url,
        "BELLHOP_STATE_DIR": str(place / "state"), "BELLHOP_RUNTIME_DIR": str(place / "run"), "BELLHOP_PROFILES_DIR": str(profiles),
        "BELLHOP_WEB_PORT": str(free_port()), "BELLHOP_HOST_NAME": "bench", "BELLHOP_SANDBOX_BACKEND": "bubblewrap", "BELLHOP_MAX_RUNS": str(LIVE),
        "BELLHOP_BOT_LOGIN": "bellhop[bot]", "BELLHOP_LOG_LEVEL": "ERROR", "BELLHOP_GITHUB_WRITE_SPACING_SECONDS": "0",
        "BELLHOP_GITHUB_WEBHOOK_SECRET": seed.app.webhook_secret, "BELLHOP_GITHUB_APP_ID": str(github.app.id),
        "BELLHOP_GITHUB_PRIVATE_KEY": github.private_key_pem or "", "BELLHOP_GITHUB_API_URL": github.api_url, "BELLHOP_GITHUB_WEB_URL": github.web_url,
        **told,
    }


@contextmanager
def _live(database: Database, github: GitHubEmulator, web: int) -> Iterator[None]:
    """Have fifty runs live for the block, begun as people begin them; they are ended after it."""
    github.set_webhook_url(f"http://127.0.0.1:{web}/hooks/github")
    for number in range(LIVE):
        github.person("ada").open_issue(REPO, f"Lost cent {number}", labels=("bellhop",))
    try:
        _until(lambda: _running(database) == LIVE, database, "the runs do not begin")
        # What starting them leaves to be done is no part of what is measured.
        time.sleep(5)
        yield
    finally:
        with database.begin() as tx:
            for run in runs.recent(tx, LIVE):
                runs.request_cancel(tx, run.id)
        _until(lambda: all(run.state == "done" for run in _recent(database)), database, "the runs do not end")


def _recent(database: Database) -> list[Run]:
    with database.read() as tx:
        return runs.recent(tx, LIVE)


def _running(database: Database) -> int:
    return sum(run.state == "running" for run in _recent(database))


def _until(is_so: Callable[[], bool], database: Database, what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: {Counter(run.state for run in _recent(database))}")
        time.sleep(0.2)
