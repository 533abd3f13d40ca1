"""R38: what people write while a run is live reaches the agent, or is said not to have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.core.outcome import PullRequest
from tests.tasks.scene import Scene, listening_agent

FIX = {"README.md": "hello, world\n"}


@pytest.fixture
def listening(scene: Scene) -> Scene:
    return replace(scene, parts=replace(scene.parts, agent=listening_agent))


def test_r38_follow_ups_reach_an_agent_that_listens_in_order(listening: Scene) -> None:
    scene = listening
    run_id = scene.started()
    for number in range(3):
        scene.comment(f"and then {number}")
    said = scene.runner(run_id).get("/runner/messages?wait=5").json()["messages"]
    assert [message["text"] for message in said] == ["and then 0", "and then 1", "and then 2"]
    scene.runner(run_id).get(f"/runner/messages?wait=0&after={said[-1]['id']}").raise_for_status()
    scene.work(run_id, FIX)
    scene.pump()
    assert "did not see" not in scene.comments()[0].body


def test_r38_a_follow_up_that_comes_too_late_is_named_in_the_outcome(listening: Scene) -> None:
    scene = listening
    run_id = scene.started()
    scene.work(run_id, FIX)
    assert scene.run(run_id).state == "collecting"
    scene.comment("@bellhop and the docs")
    scene.pump()
    assert isinstance(scene.outcome(run_id), PullRequest)
    [comment] = scene.comments()
    assert "did not see one comment written here while this run was under way (by `alice`)." in comment.body
    assert "write `@bellhop ...`" in comment.body


def test_r38_follow_ups_to_an_agent_that_takes_none_are_named_too(scene: Scene) -> None:
    run_id = scene.started()
    scene.comment("one")
    assert "does not see one comment written here while this run is under way (by `alice`): `command` takes none" in scene.comments()[0].body
    scene.comment("two")
    scene.work(run_id, FIX)
    scene.pump()
    assert "did not see 2 comments written here" in scene.comments()[0].body


def test_r38_a_follow_up_to_an_agent_that_listens_edits_nothing(listening: Scene) -> None:
    run_id = listening.started()
    before = listening.comments()[0].body
    listening.comment("one")
    assert listening.comments()[0].body == before
    assert listening.run(run_id).state == "running"


def test_r38_after_the_end_a_comment_that_addresses_the_bot_is_a_new_run_of_the_same_case(scene: Scene) -> None:
    first = scene.started()
    scene.work(first, FIX)
    scene.pump()
    second = scene.comment("@bellhop and the docs").run_id
    assert second is not None
    assert (second != first, scene.run(second).case_id) == (True, scene.run(first).case_id)
    scene.pump()
    scene.work(second, {"README.md": "hello, docs\n"})
    scene.pump()
    assert isinstance(scene.outcome(second), PullRequest)
    assert (len(scene.branches()), len(scene.github.pull_requests("octo/hello"))) == (1, 1)
    assert scene.github.read("octo/hello", scene.branches()[0], "README.md") == "hello, docs\n"
    assert len(scene.comments()) == 2
