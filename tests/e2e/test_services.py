"""A repository whose tests need PostgreSQL and Redis: from the label to a pull request that was verified with both."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest
from pydantic import SecretStr
from rich.console import Console

from app.commands.replay import replay_run
from app.embedded import Bellhop, running
from app.emulators.github.emulator import GitHubEmulator
from app.ledger import runs, steps
from app.settings import Settings
from tests.e2e.harness import REPO, SECRET, profile, share_tooling, until, what_is_left
from tests.environment.engine_proxy import cutting

pytestmark = [pytest.mark.docker, pytest.mark.slow]  # whole runs, each with containers of its own

SERVICES = """\
services:
  postgres:
    image: {postgres}
    env: {{POSTGRES_PASSWORD: s3cret}}
    ports: ["5432:5432"]
    options: >-
      --health-cmd "pg_isready -U postgres"
      --health-interval 1s --health-timeout 5s --health-retries 60
  redis:
    image: {redis}
    ports: [6379]
env: {{PGPASSWORD: s3cret}}
timeout-minutes: 3
verify: |
  test "$(psql -h postgres -U postgres -Atc "SELECT to_regclass('kept')")" = ""
  test "$(redis-cli -h redis GET kept)" = ""
  test "$(psql -h localhost -U postgres -Atc 'SELECT 999 + 1')" = "$(cat asked.txt)"
"""
SCRIPT = """\
psql -h postgres -U postgres -Atc 'CREATE TABLE kept AS SELECT 1000 AS cents'
psql -h localhost -U postgres -Atc 'SELECT cents FROM kept' >asked.txt
redis-cli -h redis SET kept 1
cp "$BELLHOP_PROMPT_FILE" prompt.txt
echo "$no_proxy" >direct.txt
"""


class House:
    """A whole Bellhop on Docker, and the issue that somebody labels."""

    def __init__(self, bellhop: Bellhop, github: GitHubEmulator, place: Path) -> None:
        self.bellhop = bellhop
        self.github = github
        self.place = place

    def ring(self) -> None:
        self.github.person("ada").label(REPO, 1, "bellhop")

    def said(self) -> str:
        """The newest run's transcript, and what stands in the thread."""
        with self.bellhop.database.read() as tx:
            found = runs.recent(tx, 1)
            lines = [row.step.text for row in steps.after(tx, found[0].id)] if found else []
        return "\n".join([*lines, *(comment.body for comment in self.github.comments(REPO, 1))])

    def told(self, words: str) -> str:
        until(lambda: any(words in comment.body for comment in self.github.comments(REPO, 1)), f"a comment says {words!r}", self.said, 100)
        return self.github.comments(REPO, 1)[0].body


@contextmanager
def house(emulator: GitHubEmulator, place: Path, docker_host: str, text: str) -> Iterator[House]:
    (place / "profiles").mkdir()
    (place / "profiles" / "fix.yaml").write_text(text)
    share_tooling(place / "state")
    settings = Settings(
        state_dir=place / "state", runtime_dir=place / "run", profiles_dir=place / "profiles", database_url="",
        broker_url="memory://", web_host="127.0.0.1", web_port=0, public_url="", host_name="here", sandbox_backend="docker",
        docker_host=docker_host, github_api_url=emulator.api_url, github_web_url=emulator.web_url,
        bot_login=f"{emulator.app.slug}[bot]", github_app_id=str(emulator.app.id), log_level="WARNING", sweep_seconds=1,
    ).model_copy(update={
        "github_webhook_secret": SecretStr(SECRET), "github_private_key": SecretStr(emulator.private_key_pem or ""),
    })
    with running(settings) as bellhop:
        emulator.set_webhook_url(f"{bellhop.url}/hooks/github")
        yield House(bellhop, emulator, place)


@pytest.fixture
def nothing_is_left(docker_client: docker.APIClient, place: Path) -> Callable[[House], None]:
    def look(made: House) -> None:
        with made.bellhop.database.read() as tx:
            ours = {"label": [f"bellhop.run={run.id}" for run in runs.recent(tx)][:1]}

        def left() -> list[str]:
            engine = [each["Names"][0] for each in docker_client.containers(all=True, filters=ours)]
            engine += [each["Name"] for each in docker_client.volumes(filters=ours)["Volumes"] or []]
            return engine + what_is_left(place / "state", place / "run")

        until(lambda: left() == [], f"nothing is left of the run: {left()}", made.said)

    return look


def test_a_run_and_its_verification_have_a_database_and_a_cache_each_of_their_own(
    emulator: GitHubEmulator, place: Path, docker_host: str, postgres_image: str, redis_image: str, nothing_is_left: Callable[[House], None],
) -> None:
    text = profile(SCRIPT, image=postgres_image, more=SERVICES.format(postgres=postgres_image, redis=redis_image))
    with house(emulator, place, docker_host, text) as made:
        made.ring()
        until(lambda: emulator.pull_requests(REPO), "there is a pull request", made.said, 120)
        [pull] = emulator.pull_requests(REPO)
        assert pull.pull is not None
        assert not pull.pull.draft, pull.body
        assert "passed" in (pull.body or "")
        [branch] = [name for name in emulator.branches(REPO) if name != "main"]
        found = {name: emulator.read(REPO, branch, f"{name}.txt") for name in ("asked", "direct", "prompt")}
        assert (found["asked"], found["direct"]) == ("1000\n", "127.0.0.1,localhost,postgres,redis\n")
        assert f"`postgres`: `{postgres_image}`, port 5432, started with `POSTGRES_PASSWORD=s3cret`" in found["prompt"]
        assert "services are up" in made.said()
        nothing_is_left(made)
        with made.bellhop.database.read() as tx:
            run = runs.recent(tx, 1)[0]
        # Once more, with services of its own again: it comes to the same.
        assert replay_run(made.bellhop.parts.settings, Console(file=io.StringIO()), run.id, as_json=False) == 0


@pytest.mark.parametrize(
    ("service", "words"),
    [
        ("db: {{image: '{postgres}', ports: [5432]}}", "the service `db` ended with exit code 1. It said last: Error: Database is uninitialized"),
        ("db: {{image: '{redis}', options: '--health-cmd false --health-interval 100ms --health-retries 2'}}",
         "the service `db` did not come up: its health check failed 2 times"),
    ],
    ids=["ends", "unhealthy"],
)
def test_a_service_that_does_not_come_up_is_the_runs_one_outcome_with_its_last_words(
    service: str, words: str, emulator: GitHubEmulator, place: Path, docker_host: str, postgres_image: str, redis_image: str,
    nothing_is_left: Callable[[House], None],
) -> None:
    more = "services:\n  " + service.format(postgres=postgres_image, redis=redis_image)
    with house(emulator, place, docker_host, profile("touch made", image=postgres_image, more=more)) as made:
        made.ring()
        comment = made.told("The agent did not begin")
        assert words in comment.replace("\\", "")
        assert emulator.pull_requests(REPO) == []
        assert len(emulator.comments(REPO, 1)) == 1
        nothing_is_left(made)


def test_a_cancel_ends_a_run_that_waits_for_its_services(
    emulator: GitHubEmulator, place: Path, docker_host: str, redis_image: str, nothing_is_left: Callable[[House], None],
) -> None:
    more = f"services: {{db: {{image: '{redis_image}', ports: [6380]}}}}"
    with house(emulator, place, docker_host, profile("touch made", image=redis_image, more=more)) as made:
        made.ring()
        until(lambda: "waiting for services: db" in made.said(), "it waits", made.said)
        emulator.person("ada").comment(REPO, 1, "@bellhop cancel")
        made.told("Stopped, as asked for in the thread")
        assert emulator.pull_requests(REPO) == []
        nothing_is_left(made)


def test_r13_an_engine_that_goes_away_between_a_sandbox_and_its_services_is_asked_again(
    emulator: GitHubEmulator, place: Path, docker_host: str, redis_image: str, nothing_is_left: Callable[[House], None],
) -> None:
    """The runner waits in its sandbox meanwhile, and the next try goes on from where the first one stood."""
    cut = r"POST \S+-service-redis/start"
    more = f"services:\n  redis: {{image: '{redis_image}', ports: [6379]}}\n  more: {{image: '{redis_image}', command: 'redis-server --port 6380', ports: [6380]}}"
    text = profile("redis-cli -h redis SET k v >said.txt\nredis-cli -p 6380 PING >>said.txt", image=redis_image, more=more)
    with cutting(docker_host, place / "engine.sock", cut) as proxy, house(emulator, place, f"unix://{place}/engine.sock", text) as made:
        made.ring()
        until(lambda: emulator.pull_requests(REPO), "there is a pull request", made.said, 100)
        assert len(proxy.seen) == 1
        [branch] = [name for name in emulator.branches(REPO) if name != "main"]
        assert emulator.read(REPO, branch, "said.txt") == "OK\nPONG\n"
        nothing_is_left(made)


BOTH = """\
services: {{redis: {{image: '{image}', ports: [6379]}}}}
setup:
  steps:
    - run: |
        if redis-cli PING; then exit 1; fi
        echo 41 >"$HOME/prepared"
verify: test "$(cat "$HOME/prepared") $(redis-cli -h redis PING)" = "41 PONG"
"""


def test_what_is_set_up_and_services_are_there_for_the_agent_and_for_its_verification(
    emulator: GitHubEmulator, place: Path, docker_host: str, redis_image: str, nothing_is_left: Callable[[House], None],
) -> None:
    script = 'redis-cli -h redis SET n "$(cat "$HOME/prepared")"\nredis-cli -h redis INCR n >said.txt'
    with house(emulator, place, docker_host, profile(script, image=redis_image, more=BOTH.format(image=redis_image))) as made:
        made.ring()
        until(lambda: emulator.pull_requests(REPO), "there is a pull request", made.said, 120)
        [pull] = emulator.pull_requests(REPO)
        assert pull.pull is not None
        assert not pull.pull.draft, pull.body
        [branch] = [name for name in emulator.branches(REPO) if name != "main"]
        assert emulator.read(REPO, branch, "said.txt") == "42\n"
        nothing_is_left(made)
