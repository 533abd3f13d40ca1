"""What is paused begins nothing: it is queued, the thread is told once, and it begins when the pause ends."""

from __future__ import annotations

from app.core.outcome import NothingToDo
from app.ledger import pauses
from tasks.route import route
from tasks.start import start
from tasks.sweep import sweep
from tests.tasks.scene import Scene, profile


def paused(scene: Scene, what: str) -> None:
    with scene.database.begin() as tx:
        assert pauses.pause(tx, what)
        assert not pauses.pause(tx, what)


def resumed(scene: Scene, what: str) -> None:
    with scene.database.begin() as tx:
        assert pauses.resume(tx, what)
        assert not pauses.resume(tx, what)
    sweep(scene.parts)
    scene.pump()


def test_what_rings_meanwhile_waits_is_told_so_once_and_begins_afterwards(scene: Scene) -> None:
    live = scene.started()
    paused(scene, "fix")
    scene.github.person("alice").open_issue("octo/hello", "another")
    route(scene.parts, inbox_id := scene.ring(number=2))
    run_id = scene.entry(inbox_id).run_id
    assert run_id is not None
    for _ in range(12):
        start(scene.parts, run_id)
        sweep(scene.parts)
    waiting = scene.run(run_id)
    assert (waiting.state, waiting.attempts) == ("queued", 0)
    [comment] = scene.comments(2)
    assert "Now: queued 1st; the operator has paused the profile fix." in comment.body
    assert comment.created_at == comment.updated_at
    # What is under way goes on, to its end.
    scene.work(live)
    scene.pump()
    assert isinstance(scene.outcome(live), NothingToDo)
    assert scene.run(run_id).state == "queued"
    resumed(scene, "fix")
    assert scene.run(run_id).state == "running"
    assert "the agent is working" in scene.comments(2)[0].body


def test_a_pause_of_one_profile_holds_up_no_other_and_one_of_all_holds_all(scene: Scene) -> None:
    scene.profiles["other"] = profile("other", on={"issues": {"types": ["opened"]}})
    paused(scene, "fix")
    first = scene.routed()
    start(scene.parts, first)
    scene.github.person("alice").open_issue("octo/hello", "another")
    route(scene.parts, inbox_id := scene.ring(kind="issues.opened", number=2))
    other = scene.entry(inbox_id).run_id
    assert other is not None
    paused(scene, "*")
    start(scene.parts, other)
    assert [scene.run(each).state for each in (first, other)] == ["queued", "queued"]
    resumed(scene, "*")
    assert [scene.run(each).state for each in (first, other)] == ["queued", "running"]


def test_a_paused_run_can_be_stopped(scene: Scene) -> None:
    paused(scene, "*")
    run_id = scene.routed()
    scene.ring(kind="issue_comment.created", said="@bellhop stop")
    scene.recover(1)
    assert scene.outcome(run_id).kind == "refused"
