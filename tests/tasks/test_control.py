"""`status` and `retry` in the thread: one comment per run answers both, and only what went wrong is tried again."""

from __future__ import annotations

from app.core.outcome import Failed, PullRequest
from app.ledger import audit
from tasks.route import route
from tests.tasks.scene import BOB, Scene, profile

FIX = {"README.md": "hello, world\n"}


def answers(scene: Scene) -> list[str]:
    return [comment.body for comment in scene.comments() if " answer -->" in comment.body]


def test_how_a_run_stands_is_answered_at_any_time_in_one_comment(scene: Scene) -> None:
    run_id = scene.started()
    assert scene.comment("@bellhop status").run_id == run_id
    [answer] = answers(scene)
    assert "the agent is working" in answer
    assert run_id in answer
    scene.work(run_id, FIX)
    scene.pump()
    assert scene.comment("@bellhop status").run_id == run_id
    [answer] = answers(scene)
    assert "ended as pull request" in answer
    assert "/pull/2" in answer
    elsewhere = scene.ring(kind="issue_comment.created", said="@bellhop status", number=7)
    route(scene.parts, elsewhere)
    assert "no_run" in str(scene.entry(elsewhere).decision)
    assert len(scene.all_runs()) == 1


def test_a_question_is_no_follow_up(scene: Scene) -> None:
    run_id = scene.started()
    scene.comment("@bellhop status")
    assert scene.runner(run_id).get("/runner/messages?wait=0").json()["messages"] == []


def test_what_failed_is_tried_again_with_the_same_assignment_and_the_profile_of_now(scene: Scene) -> None:
    run_id = scene.started()
    scene.work(run_id, exit_code=1)
    scene.pump()
    assert isinstance(scene.outcome(run_id), Failed)
    assert "not_permitted" in str(scene.comment("@bellhop retry", BOB).decision)
    scene.profiles["fix"] = profile(timeout_minutes=7)
    again = scene.comment("@bellhop retry").run_id
    assert again not in (None, run_id)
    made = scene.run(str(again))
    assert (made.event, made.parent_id, made.profile.timeout_minutes) == (scene.run(run_id).event, None, 7)
    scene.pump()
    scene.work(made.id, FIX)
    scene.pump()
    assert isinstance(scene.outcome(made.id), PullRequest)
    with scene.database.read() as tx:
        assert [(row.target, row.verdict) for row in audit.of_run(tx, made.id) if row.action == "retry"] == [(run_id, "by alice (101)")]


def test_what_did_not_go_wrong_is_not_tried_again_and_that_is_said(scene: Scene) -> None:
    run_id = scene.started()
    scene.comment("@bellhop retry")
    assert "still under way" in answers(scene)[0]
    scene.work(run_id, FIX)
    scene.pump()
    scene.comment("@bellhop retry")
    assert "neither failed" in answers(scene)[0]
    assert len(scene.all_runs()) == 1


def test_a_stopped_run_is_tried_again(scene: Scene) -> None:
    run_id = scene.started()
    scene.comment("@bellhop stop")
    scene.work(run_id, reason="cancelled", exit_code=143)
    scene.pump()
    again = scene.comment("@bellhop retry.").run_id
    assert again not in (None, run_id)
    scene.pump()
    assert scene.run(str(again)).state == "running"
