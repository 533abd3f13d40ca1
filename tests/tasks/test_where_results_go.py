"""The branch that a result is proposed for, as it stands at the end, and how many may be open at once."""

from __future__ import annotations

import pytest

from app.core.outcome import PullRequest, Refused
from tests.tasks.scene import Scene, profile

HELLO = "octo/hello"
FIX = {"README.md": "hello, world\n"}


def test_t66_a_default_branch_that_was_rewritten_gets_nothing(scene: Scene) -> None:
    """What was worked out on a commit that is gone from the branch would bring that commit back."""
    run_id = scene.started()
    scene.work(run_id, FIX)
    bob = scene.github.person("bob")
    orphan = bob.push(HELLO, "other", {"x": "x"}, start=None)
    scene.github.person("alice").push(HELLO, "main", {"later.txt": "later\n"})
    path = scene.github.repository(HELLO).path
    rewritten = scene.git(path, "commit-tree", f"{orphan}^{{tree}}", "-m", "history, rewritten")
    bob.force_push(HELLO, "main", rewritten)
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Refused), outcome
    assert outcome.reason == "base_moved"
    assert scene.run(run_id).branch not in scene.branches()
    assert "Ring again" in scene.comments()[0].body


def test_a_default_branch_that_only_went_on_is_no_reason(scene: Scene) -> None:
    run_id = scene.started()
    scene.work(run_id, FIX)
    scene.github.person("alice").push(HELLO, "main", {"later.txt": "later\n"})
    scene.pump()
    assert isinstance(scene.outcome(run_id), PullRequest)


def test_r28_a_default_branch_of_another_name_is_proposed_for_by_that_name(scene: Scene) -> None:
    run_id = scene.started()
    scene.work(run_id, FIX)
    repo = scene.github.repository(HELLO)
    scene.git(repo.path, "branch", "--move", "main", "trunk")
    repo.default_branch = "trunk"
    scene.pump()
    assert isinstance(scene.outcome(run_id), PullRequest)
    [issue] = scene.github.pull_requests(HELLO)
    assert issue.pull is not None
    assert issue.pull.base_ref == "trunk"


def test_t67_at_the_most_open_pull_requests_no_new_one_is_opened(scene: Scene) -> None:
    scene.profiles["fix"] = profile(limits={"max-open-pull-requests": 1})
    alice = scene.github.person("alice")
    alice.push(HELLO, "bellhop/zzzzzzzz", {"z": "z"})
    alice.open_pull(HELLO, "bellhop/zzzzzzzz", "an earlier one")
    run_id = scene.started()
    scene.work(run_id, FIX)
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Refused), outcome
    assert outcome.reason == "too_many_pull_requests"
    assert "Merge or close some" in outcome.text
    assert scene.run(run_id).branch not in scene.branches()
    alice.close(HELLO, 2)
    again = scene.started()
    scene.work(again, FIX)
    scene.pump()
    assert isinstance(scene.outcome(again), PullRequest)


@pytest.mark.parametrize("head", ["feature", "bellhopping"])
def test_other_peoples_pull_requests_are_not_counted(scene: Scene, head: str) -> None:
    scene.profiles["fix"] = profile(limits={"max-open-pull-requests": 1})
    alice = scene.github.person("alice")
    alice.push(HELLO, head, {"z": "z"})
    alice.open_pull(HELLO, head, "hers")
    run_id = scene.started()
    scene.work(run_id, FIX)
    scene.pump()
    assert isinstance(scene.outcome(run_id), PullRequest)


def test_going_on_with_an_open_pull_request_is_not_counted(scene: Scene) -> None:
    scene.profiles["fix"] = profile(limits={"max-open-pull-requests": 1})
    first = scene.started()
    scene.work(first, FIX)
    scene.pump()
    again = scene.started()
    scene.work(again, {"README.md": "hello, all\n"})
    scene.pump()
    outcomes = [scene.outcome(run_id) for run_id in (first, again)]
    assert [one.number for one in outcomes if isinstance(one, PullRequest)] == [2, 2]
