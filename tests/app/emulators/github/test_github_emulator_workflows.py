"""Which workflows begin: GitHub's skip instructions, and what they do not count for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.emulators.github import GitHubEmulator, Seed, SeedRepository, SeedUser
from app.emulators.github.workflows import skips

REPO = "octo/hello"
ON = {
    ".github/workflows/push.yml": "on: push\n",
    ".github/workflows/pull.yml": "on: [pull_request]\n",
    ".github/workflows/target.yml": "on:\n  pull_request_target:\n",
    ".github/workflows/labeled.yml": "on: {pull_request: {types: [labeled]}}\n",
    ".github/workflows/comment.yml": "on: issue_comment\n",
    ".github/workflows/new.yml": "on: create\n",
}


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHubEmulator]:
    seed = Seed(users=(SeedUser(login="ada"),), repositories=(SeedRepository(full_name=REPO, files=ON, collaborators={"ada": "write"}),))
    with GitHubEmulator(tmp_path / "github", seed) as emulator:
        yield emulator


def begun(github: GitHubEmulator) -> list[str]:
    return [run.event for run in github.workflow_runs(REPO)]


def test_a_push_and_a_pull_request_start_theirs(github: GitHubEmulator) -> None:
    ada = github.person("ada")
    head = ada.push(REPO, "feature", {"a": "a"})
    assert begun(github) == ["push", "create"]
    number = ada.open_pull(REPO, "feature", "A feature").number
    assert begun(github)[2:] == ["pull_request", "pull_request_target"]
    ada.push(REPO, "feature", {"a": "b"})
    assert begun(github)[4:] == ["push", "pull_request", "pull_request_target"]
    ada.label(REPO, number, "x")
    ada.comment(REPO, number, "hello")
    assert [(run.path, run.event) for run in github.workflow_runs(REPO)[7:]] == [
        (".github/workflows/labeled.yml", "pull_request"), (".github/workflows/comment.yml", "issue_comment"),
    ]
    assert github.workflow_runs(REPO)[0].head_sha == head


@pytest.mark.parametrize("message", [
    "x [skip ci]", "x\n\n[ci skip]", "[no ci]", "[skip actions] x", "x [actions skip] y", "x\n\n\nskip-checks: true",
    "x\n\n\nCo-authored-by: y\nskip-checks:true\n",
])
def test_a_skip_instruction_counts_for_push_and_pull_request_only(github: GitHubEmulator, message: str) -> None:
    ada = github.person("ada")
    ada.push(REPO, "feature", {"a": "a"}, message=message)
    number = ada.open_pull(REPO, "feature", "A feature").number
    ada.close(REPO, number)
    ada.reopen(REPO, number)
    assert begun(github) == ["create", "pull_request_target", "pull_request_target"]
    ada.push(REPO, "feature", {}, message="Run CI")
    assert begun(github)[3:] == ["push", "pull_request", "pull_request_target"]


@pytest.mark.parametrize("message", [
    "x", "skip ci", "[skip-ci]", "x\n\nskip-checks: true", "x\n\n\nskip-checks: true\nCo-authored-by: y", "x skip-checks: true", "[SKIP CI]",
])
def test_what_is_no_instruction(message: str) -> None:
    assert not skips(message)
