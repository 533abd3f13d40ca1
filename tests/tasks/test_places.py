"""A host has so many places for runs: the others wait in line, are told so, and lose nothing by waiting."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.core.outcome import NothingToDo
from tasks.parts import Parts
from tasks.route import route
from tasks.start import start
from tasks.sweep import sweep
from tests.tasks.scene import CAROL, Scene


@pytest.fixture
def one_place(scene: Scene) -> Parts:
    scene.parts = replace(scene.parts, settings=scene.settings.model_copy(update={"max_runs": 1}))
    return scene.parts


def routed(scene: Scene, issue: int) -> str:
    if issue > 1:
        assert scene.github.person("alice").open_issue("octo/hello", f"issue {issue}").number == issue
    inbox_id = scene.ring(number=issue)
    route(scene.parts, inbox_id)
    run_id = scene.entry(inbox_id).run_id
    assert run_id is not None
    return run_id


@pytest.mark.usefixtures("one_place")
def test_a_run_waits_for_a_place_is_told_so_and_gets_the_next_one(scene: Scene) -> None:
    first, second, third = (routed(scene, issue) for issue in (1, 2, 3))
    # The wake-ups may come in any order; the places are given in the order of asking.
    for run_id in (third, second):
        start(scene.parts, run_id)
        assert scene.run(run_id).state == "queued"
    start(scene.parts, first)
    assert [scene.run(run_id).state for run_id in (first, second, third)] == ["running", "queued", "queued"]
    assert len(scene.backend.find()) == 1
    [comment] = scene.comments(2)
    assert "Now: queued 1st." in comment.body
    scene.wakeup.calls.clear()

    scene.work(first)
    scene.pump()
    assert isinstance(scene.outcome(first), NothingToDo)
    assert [scene.run(run_id).state for run_id in (second, third)] == ["running", "queued"]
    [comment] = scene.comments(2)
    assert "the agent is working" in comment.body


@pytest.mark.usefixtures("one_place")
def test_r26_who_waits_is_told_when_it_moves_and_not_each_time(scene: Scene) -> None:
    first, second, third = (routed(scene, issue) for issue in (1, 2, 3))
    start(scene.parts, first)
    said = [comment.body for number in (2, 3) for comment in scene.comments(number)]
    assert "Now: queued 1st." in said[0]
    assert "Now: queued 2nd." in said[1]
    scene.work(first)
    scene.pump()
    assert scene.run(second).state == "running"
    sweep(scene.parts)
    [comment] = scene.comments(3)
    assert "Now: queued 2nd." in comment.body, "it was told so less than a minute ago"
    scene.sql("UPDATE tickets SET told_at_ms = told_at_ms - 60000")
    sweep(scene.parts)
    [comment] = scene.comments(3)
    # One run of that profile has been seen to its end by now, and took less than a minute.
    assert "Now: queued 1st, about 1 min." in comment.body
    assert scene.run(third).state == "queued"


@pytest.mark.usefixtures("one_place")
def test_t18_another_persons_run_is_next_however_many_one_has_asked_for(scene: Scene) -> None:
    mine = [routed(scene, issue) for issue in range(1, 8)]
    start(scene.parts, mine[0])
    scene.github.person("alice").open_issue("octo/hello", "carol's")
    inbox_id = scene.ring(number=8, actor=CAROL)
    route(scene.parts, inbox_id)
    theirs = scene.entry(inbox_id).run_id
    assert theirs is not None, scene.entry(inbox_id)
    assert "Now: queued 1st." in scene.comments(8)[0].body
    scene.work(mine[0])
    scene.pump()
    assert scene.run(theirs).state == "running"
    assert [scene.run(run_id).state for run_id in mine[1:]] == ["queued"] * 6


@pytest.mark.usefixtures("one_place")
def test_waiting_is_not_failing(scene: Scene) -> None:
    """Woken far more often than a step may fail, a run that waits is still there, and its comment is written once."""
    first, second = routed(scene, 1), routed(scene, 2)
    start(scene.parts, first)
    for _ in range(15):
        start(scene.parts, second)
        sweep(scene.parts)
        scene.pump()
    waiting = scene.run(second)
    assert (waiting.state, waiting.attempts) == ("queued", 0)
    [comment] = scene.comments(2)
    assert comment.created_at == comment.updated_at


@pytest.mark.usefixtures("one_place")
def test_a_run_that_waits_out_a_pause_holds_up_nobody(scene: Scene) -> None:
    first, second = routed(scene, 1), routed(scene, 2)
    scene.sql("UPDATE runs SET next_at_ms = next_at_ms + 9000000000000 WHERE id = :id", id=first)
    start(scene.parts, second)
    assert scene.run(second).state == "running"


@pytest.mark.usefixtures("one_place")
def test_a_run_that_waits_can_be_stopped(scene: Scene) -> None:
    first, second = routed(scene, 1), routed(scene, 2)
    start(scene.parts, first)
    scene.ring(kind="issue_comment.created", said="@bellhop stop", number=2)
    scene.recover(1)
    assert scene.outcome(second).kind == "refused"
    assert scene.run(first).state == "running"
