"""`autonomy: merge`: GitHub merges what was verified once its checks are green; anything else is a person's to merge, and the thread says why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import requests

from app.core.outcome import PullRequest
from app.ledger import runs
from app.publish.proposal import Proposal
from tests.tasks.scene import Scene, profile

HELLO = "octo/hello"


def published(scene: Scene, exit_code: int = 0, **members: Any) -> PullRequest:
    scene.profiles["fix"] = profile(**{"autonomy": "merge", "ci": "run", "verify": "true"} | members)
    run_id = scene.started()
    scene.work(run_id, {"README.md": "hello, world\n"})
    scene.pump()
    if scene.run(run_id).state == "verifying":
        scene.end(run_id, "verify", exit_code=exit_code)
        scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, PullRequest), outcome
    return outcome


def green(scene: Scene, commit: str) -> None:
    user = scene.github.person("alice").user
    answer = requests.post(
        f"{scene.github.api_url}/repos/{HELLO}/statuses/{commit}", json={"state": "success", "context": "tests"},
        headers={"authorization": f"Bearer {user.token}"}, timeout=10,
    )
    answer.raise_for_status()


def test_what_was_verified_is_merged_once_its_checks_are_green(scene: Scene) -> None:
    scene.github.protect(HELLO, "tests")
    made = published(scene)
    assert made.merging == "GitHub merges it once its checks are green."
    [pull] = scene.github.pull_requests(HELLO)
    assert pull.state == "open"
    with scene.database.read() as tx:
        candidate = runs.candidate(tx, scene.all_runs()[0].id)
    green(scene, Proposal.model_validate_json(str(candidate)).commit)
    assert pull.pull is not None
    assert pull.pull.merged_at is not None


@pytest.mark.parametrize(("members", "exit_code", "why"), [
    ({"verify": None}, 0, "nothing has verified it"),
    ({}, 1, "its verification failed"),
    ({"limits": {"protected-paths": ["README.md"]}}, 0, "it is a draft"),
], ids=["unverified", "red", "draft"])
def test_nothing_red_or_unverified_or_for_a_draft_is_merged(scene: Scene, members: dict[str, object], exit_code: int, why: str) -> None:
    scene.github.protect(HELLO, "tests")
    made = published(scene, exit_code, **members)
    assert made.merging == f"It is not merged by itself: {why}."
    [pull] = scene.github.pull_requests(HELLO)
    assert pull.pull is not None
    assert pull.pull.merges_for is None


@pytest.mark.parametrize(("contexts", "is_allowed", "why"), [
    (("tests",), False, "Auto merge is not allowed for this repository"), ((), True, "clean status"),
], ids=["not-allowed", "nothing-required"])
def test_where_github_will_not_the_thread_says_why(scene: Scene, contexts: tuple[str, ...], is_allowed: bool, why: str) -> None:
    scene.github.protect(HELLO, *contexts, auto_merge=is_allowed)
    assert why in published(scene).merging
    [pull] = scene.github.pull_requests(HELLO)
    assert pull.state == "open", "it is never merged here and now in its place"


def test_what_github_was_told_of_an_earlier_commit_does_not_hold_for_the_next(scene: Scene) -> None:
    scene.github.protect(HELLO, "tests")
    published(scene)
    [pull] = scene.github.pull_requests(HELLO)
    assert pull.pull is not None
    assert pull.pull.merges_for is not None
    run_id = str(scene.comment("@bellhop and say more").run_id)
    scene.pump()
    scene.work(run_id, {"README.md": "hello, wide world\n"})
    scene.pump()
    scene.end(run_id, "verify", exit_code=1)
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, PullRequest)
    assert outcome.draft
    assert scene.github.pull_requests(HELLO)[0].pull == replace(pull.pull, merges_for=None)
