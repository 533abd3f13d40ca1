"""R37: cancelled at each stage, twice, after the end; nothing is published and one line says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.core.outcome import PullRequest, Refused
from tasks.finish import finish
from tasks.start import start
from tasks.sweep import sweep
from tests.tasks.mortal import Doom, Killed, mortal
from tests.tasks.scene import ALICE, BOB, Scene, profile

FIX = {"README.md": "hello, world\n"}


def queued(scene: Scene) -> str:
    return scene.routed()


def queued_and_waiting_for_github(scene: Scene) -> str:
    run_id = scene.routed()
    scene.sql("UPDATE runs SET next_at_ms = next_at_ms + 9000000000000")
    return run_id


def starting(scene: Scene) -> str:
    run_id = scene.routed()
    with pytest.raises(Killed):
        start(mortal(scene.parts, Doom("workspaces.prepare")), run_id)
    scene.later()
    return run_id


def collecting(scene: Scene) -> str:
    run_id = scene.started()
    scene.work(run_id, FIX)
    return run_id


def publishing(scene: Scene) -> str:
    run_id = collecting(scene)
    with pytest.raises(Killed):
        finish(mortal(scene.parts, Doom("service.permission")), run_id)
    scene.later()
    return run_id


@pytest.mark.parametrize("stage", [queued, queued_and_waiting_for_github, starting, collecting, publishing])
def test_r37_stopped_while_bellhop_is_at_work(scene: Scene, stage: Callable[[Scene], str]) -> None:
    run_id = stage(scene)
    assert scene.comment("@bellhop cancel").run_id == run_id
    scene.pump()
    assert stopped(scene, run_id)


def stopped(scene: Scene, run_id: str) -> bool:
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Refused), outcome
    assert outcome.reason == "cancelled"
    [comment] = scene.comments()
    assert "Stopped" in comment.body
    sweep(scene.parts)
    assert (scene.branches(), scene.github.pull_requests("octo/hello"), scene.left()) == ([], [], [])
    return True


def test_r37_stopped_while_the_agent_works(scene: Scene) -> None:
    run_id = scene.started()
    runner = scene.runner(run_id)
    assert runner.get("/runner/messages?wait=0").json()["cancel"] is False
    scene.comment("@bellhop cancel")
    assert runner.get("/runner/messages?wait=5").json()["cancel"] is True
    scene.work(run_id, FIX, reason="cancelled", exit_code=None)
    scene.pump()
    assert stopped(scene, run_id)


def test_r37_stopped_while_the_result_is_verified(scene: Scene) -> None:
    scene.profiles["fix"] = profile(verify="true")
    run_id = scene.started()
    scene.work(run_id, FIX)
    scene.pump()
    scene.comment("@bellhop cancel")
    assert scene.runner(run_id, "verify").get("/runner/messages?wait=5").json()["cancel"] is True
    scene.end(run_id, "verify", reason="cancelled")
    scene.pump()
    assert stopped(scene, run_id)


def test_r37_twice_is_once_and_after_the_end_is_nothing(scene: Scene) -> None:
    run_id = scene.started()
    assert [scene.comment("@bellhop cancel").run_id for _ in range(2)] == [run_id, run_id]
    scene.work(run_id, reason="cancelled", exit_code=None)
    scene.pump()
    assert "no_live_run" in (scene.comment("@bellhop cancel").decision or "")
    assert stopped(scene, run_id)


def test_r37_not_by_somebody_who_may_not(scene: Scene) -> None:
    run_id = scene.started()
    assert scene.comment("@bellhop cancel", BOB).state == "ignored"
    assert not scene.run(run_id).cancel_requested
    assert scene.comment("@bellhop cancel", ALICE).state == "routed"
    assert scene.run(run_id).cancel_requested


def test_r37_too_late_when_the_branch_is_pushed(scene: Scene) -> None:
    """Half a publication would be worse than a whole one: the pull request follows its branch."""
    run_id = collecting(scene)
    with pytest.raises(Killed):
        finish(mortal(scene.parts, Doom("service.ensure_pull_request", before=True)), run_id)
    assert "too late" in (scene.comment("@bellhop cancel").decision or "")
    scene.recover(2)
    assert isinstance(scene.outcome(run_id), PullRequest)
    assert len(scene.github.pull_requests("octo/hello")) == 1


def test_r37_a_sandbox_that_does_not_obey_is_stopped_from_outside(scene: Scene) -> None:
    run_id = scene.started()
    scene.comment("@bellhop cancel")
    sweep(scene.parts)
    assert scene.run(run_id).state == "running"  # its runner has half a minute to clear up
    assert scene.backend.stopped == []
    scene.sql("UPDATE stages SET at_ms = at_ms - 40000 WHERE name = 'cancel'")
    sweep(scene.parts)
    scene.pump()
    assert scene.backend.stopped == [f"{run_id}-work"]
    assert stopped(scene, run_id)
