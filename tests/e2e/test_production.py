"""The road on Docker, Redis and PostgreSQL, with web, worker, gateway and beat as separate processes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from sqlalchemy import create_engine, text

from app.emulators.github.emulator import GitHubEmulator
from tests.e2e.harness import REPO, Processes, production, profile, until, what_is_left

pytestmark = [pytest.mark.docker, pytest.mark.redis, pytest.mark.postgres, pytest.mark.slow]  # four processes and whole runs for each

FIX = """\
echo "working on it"
sed -i s/999/1000/ till.txt
echo "the last word"
"""


@pytest.fixture
def empty_postgres(postgres_url: str) -> str:
    engine = create_engine(postgres_url)
    with engine.begin() as tx:
        tx.execute(text("DROP SCHEMA public CASCADE"))
        tx.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return postgres_url


@pytest.fixture
def bellhop(
    emulator: GitHubEmulator, tmp_path: Path, runtime_dir: Path, empty_postgres: str, redis_url: str, docker_host: str,
    debian_image: str,
) -> Iterator[Processes]:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "fix.yaml").write_text(
        profile(FIX, image=debian_image, more="verify: grep -q 1000 till.txt")
    )
    with production(
        emulator, tmp_path, runtime_dir, postgres_url=empty_postgres, redis_url=redis_url, docker_host=docker_host
    ) as processes:
        yield processes


def containers(client: docker.APIClient, bellhop: Processes) -> list[str]:
    """The containers of this Bellhop: others may use the engine at the same time."""
    found = client.containers(all=True, filters={"label": [f"bellhop.installation={installation_of(bellhop)}"]})
    return [str(each["Names"]) for each in found]


def installation_of(bellhop: Processes) -> str:
    digest = hashlib.sha256(str(bellhop.state_dir).encode()).hexdigest()[:8]
    return f"{bellhop.environment['BELLHOP_HOST_NAME']}-{digest}"


def leftovers(client: docker.APIClient, bellhop: Processes) -> list[str]:
    volumes = client.volumes(filters={"label": [f"bellhop.installation={installation_of(bellhop)}"]})["Volumes"] or []
    left = what_is_left(bellhop.state_dir, bellhop.runtime_dir)
    return [*containers(client, bellhop), *(each["Name"] for each in volumes), *left]


def ring_with(written: str, emulator: GitHubEmulator, bellhop: Processes) -> None:
    """Give the workers another profile, and ring."""
    (Path(bellhop.environment["BELLHOP_PROFILES_DIR"]) / "fix.yaml").write_text(written)
    bellhop.kill("worker")
    bellhop.start("worker")
    emulator.person("ada").label(REPO, 1, "bellhop")


def outcome_comment(emulator: GitHubEmulator) -> str:
    comments = emulator.comments(REPO, 1)
    return comments[0].body if comments else ""


def test_a_labelled_issue_becomes_one_pull_request(
    emulator: GitHubEmulator, bellhop: Processes, docker_client: docker.APIClient
) -> None:
    emulator.person("ada").label(REPO, 1, "bellhop")
    until(lambda: "Pull request" in outcome_comment(emulator), "the comment tells of the pull request", bellhop.log)

    [pull] = emulator.pull_requests(REPO)
    branches = emulator.branches(REPO)
    assert len(branches) == 2
    [branch] = [name for name in branches if name != "main"]
    assert branch.startswith("bellhop/")
    assert emulator.read(REPO, branch, "till.txt") == "cents: 1000\n"
    assert "**passed**" in (pull.body or "")
    assert "Fixes #1" in (pull.body or "")
    assert not pull.pull.draft  # type: ignore[union-attr]
    commit = emulator.commit(REPO, branch)
    assert "Bellhop-Run:" in commit.message
    assert "Co-authored-by: ada" in commit.message
    assert "[skip ci]" in commit.message
    assert len(emulator.comments(REPO, 1)) == 1
    # The comment is there a moment before the token that wrote it is revoked.
    until(lambda: emulator.live_tokens() == [], "every token was revoked", bellhop.log)
    until(lambda: leftovers(docker_client, bellhop) == [], "nothing is left of the run", bellhop.log)


def test_r4_the_same_delivery_ten_times_is_one_run(emulator: GitHubEmulator, bellhop: Processes) -> None:
    emulator.person("ada").label(REPO, 1, "bellhop")
    [delivery] = [each for each in emulator.wait_for_deliveries() if each.event == "issues"]
    for _ in range(9):
        emulator.redeliver(delivery.guid)
    sent = [each for each in emulator.wait_for_deliveries() if each.guid == delivery.guid]
    assert sorted(each.status_code for each in sent) == [200] * 9 + [202]
    until(lambda: "Pull request" in outcome_comment(emulator), "the comment tells of the pull request", bellhop.log)
    assert len(emulator.pull_requests(REPO)) == 1
    assert len(emulator.comments(REPO, 1)) == 1


def test_t7_somebody_who_may_only_read_starts_nothing(emulator: GitHubEmulator, bellhop: Processes) -> None:
    emulator.person("eve").label(REPO, 1, "bellhop")
    emulator.wait_for_deliveries()
    ignored = "SELECT decision FROM inbox WHERE state = 'ignored'"
    engine = create_engine(bellhop.environment["BELLHOP_DATABASE_URL"])

    def decisions() -> list[str]:
        with engine.connect() as tx:
            return [row[0] for row in tx.execute(text(ignored))]

    until(decisions, "the event is decided on", bellhop.log)
    assert "not_permitted" in decisions()[0]
    engine.dispose()
    assert emulator.branches(REPO).keys() == {"main"}
    assert emulator.comments(REPO, 1) == []


def test_r6_a_worker_killed_while_the_agent_works_changes_nothing(
    emulator: GitHubEmulator, bellhop: Processes, docker_client: docker.APIClient, debian_image: str
) -> None:
    ring_with(profile("sleep 5\n" + FIX, image=debian_image, more="verify: grep -q 1000 till.txt"), emulator, bellhop)
    until(lambda: containers(docker_client, bellhop), "the sandbox runs", bellhop.log)
    bellhop.kill("worker")
    bellhop.start("worker")
    until(lambda: "Pull request" in outcome_comment(emulator), "the comment tells of the pull request", bellhop.log)
    assert len(emulator.pull_requests(REPO)) == 1
    assert len(emulator.comments(REPO, 1)) == 1
    until(lambda: leftovers(docker_client, bellhop) == [], "nothing is left of the run", bellhop.log)


def test_a_gateway_killed_while_the_agent_works_comes_back_to_the_same_run(
    emulator: GitHubEmulator, bellhop: Processes, docker_client: docker.APIClient, debian_image: str
) -> None:
    ring_with(profile("sleep 5\n" + FIX, image=debian_image), emulator, bellhop)
    until(lambda: containers(docker_client, bellhop), "the sandbox runs", bellhop.log)
    bellhop.kill("gateway")
    bellhop.start("gateway")
    until(lambda: "Pull request" in outcome_comment(emulator), "the comment tells of the pull request", bellhop.log)
    assert len(emulator.pull_requests(REPO)) == 1


def test_a_command_that_fails_with_nothing_done_tells_the_person_one_line(
    emulator: GitHubEmulator, bellhop: Processes, debian_image: str
) -> None:
    ring_with(profile("echo no good >&2\nexit 7", image=debian_image), emulator, bellhop)
    until(lambda: "That did not work" in outcome_comment(emulator), "the comment says so", bellhop.log)
    assert "exit code 7" in outcome_comment(emulator)
    assert emulator.pull_requests(REPO) == []
    assert len(emulator.comments(REPO, 1)) == 1


def test_a_result_that_does_not_verify_is_a_draft(
    emulator: GitHubEmulator, bellhop: Processes, debian_image: str
) -> None:
    ring_with(profile(FIX, image=debian_image, more="verify: grep -q 1001 till.txt"), emulator, bellhop)
    until(lambda: "Draft pull request" in outcome_comment(emulator), "the comment says so", bellhop.log)
    [pull] = emulator.pull_requests(REPO)
    assert pull.pull.draft  # type: ignore[union-attr]
    assert "**failed**" in (pull.body or "")
