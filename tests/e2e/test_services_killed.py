"""A worker that is killed when its sandbox runs and its services do not: another one goes on, or everything is removed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import docker
import pytest

from app.emulators.github.emulator import GitHubEmulator
from tests.e2e.harness import REPO, Processes, production, profile, until
from tests.e2e.test_production import containers, empty_postgres, leftovers
from tests.environment.engine_proxy import cutting

__all__ = ["empty_postgres"]

pytestmark = [pytest.mark.docker, pytest.mark.redis, pytest.mark.postgres, pytest.mark.slow]  # four processes, and a lease that runs out


class Killed(NamedTuple):
    """A Bellhop whose worker died in the middle, the sandbox up and its second service not."""

    processes: Processes
    github: GitHubEmulator

    def comment(self) -> str:
        found = self.github.comments(REPO, 1)
        return found[0].body if found else ""


@pytest.fixture
def killed(
    emulator: GitHubEmulator, tmp_path: Path, runtime_dir: Path, empty_postgres: str, redis_url: str, docker_host: str, redis_image: str,
    docker_client: docker.APIClient,
) -> Iterator[Killed]:
    more = f"services:\n  one: {{image: '{redis_image}', ports: [6379]}}\n  two: {{image: '{redis_image}', command: 'redis-server --port 6380', ports: [6380]}}"
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "fix.yaml").write_text(profile("redis-cli -h two -p 6380 PING >said.txt", image=redis_image, more=more))
    with ExitStack() as stack:
        proxy = stack.enter_context(cutting(docker_host, runtime_dir / "engine.sock", r"POST \S+/containers/create\?name=\S+-service-two", holds=True))
        processes = stack.enter_context(production(
            emulator, tmp_path, runtime_dir, postgres_url=empty_postgres, redis_url=redis_url, docker_host=f"unix://{runtime_dir}/engine.sock",
        ))
        emulator.person("ada").label(REPO, 1, "bellhop")
        until(lambda: proxy.seen, "the second service is asked for", processes.log)
        processes.kill("worker")
        assert len(containers(docker_client, processes)) == 2, "the sandbox and its first service run, and nobody minds them"
        yield Killed(processes, emulator)


def test_r6_another_worker_starts_what_is_missing_and_the_run_goes_on(killed: Killed, docker_client: docker.APIClient) -> None:
    killed.processes.start("worker")
    until(lambda: killed.github.pull_requests(REPO), "there is a pull request", killed.processes.log, 120)
    [branch] = [name for name in killed.github.branches(REPO) if name != "main"]
    assert killed.github.read(REPO, branch, "said.txt") == "PONG\n"
    until(lambda: leftovers(docker_client, killed.processes) == [], "nothing is left of the run", killed.processes.log)


def test_r6_t61_a_run_that_is_cancelled_then_leaves_nothing(killed: Killed, docker_client: docker.APIClient) -> None:
    killed.github.person("ada").comment(REPO, 1, "@bellhop cancel")
    killed.processes.start("worker")
    until(lambda: "Stopped, as asked for in the thread" in killed.comment(), "the comment tells of the end", killed.processes.log, 120)
    until(lambda: leftovers(docker_client, killed.processes) == [], "nothing is left of the run", killed.processes.log)
    assert killed.github.pull_requests(REPO) == []
