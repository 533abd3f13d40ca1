"""R37: `stop` ends the agent and keeps what it has done, at each stage; `cancel` after it throws that away."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.outcome import Failed, PullRequest, Refused
from tasks.finish import finish
from tasks.start import start
from tasks.sweep import sweep
from tests.tasks.mortal import Doom, Killed, mortal
from tests.tasks.scene import ALICE, BOB, Scene, profile

FIX = {"README.md": "hello, world\n"}


def stopped(scene: Scene, run_id: str, by: str = "alice") -> PullRequest:
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, PullRequest), outcome
    assert outcome.draft
    [pull] = scene.github.pull_requests("octo/hello")
    assert by in (pull.body or "").partition("### Measured")[0]
    assert f"Stopped by `{by}`" in scene.comments()[0].body
    assert scene.left() == []
    return outcome


def test_r37_what_the_agent_has_done_until_then_is_a_draft_that_says_who_stopped_it(scene: Scene) -> None:
    run_id = scene.started()
    runner = scene.runner(run_id)
    scene.comment("@bellhop stop")
    assert runner.get("/runner/messages?wait=5").json()["cancel"] is True
    scene.work(run_id, FIX, reason="cancelled", exit_code=143)
    scene.pump()
    stopped(scene, run_id)
    [pull] = scene.github.pull_requests("octo/hello")
    assert "did not finish: alice stopped it" in (pull.body or "")


def test_r37_of_a_stopped_run_without_a_change_one_line_says_so(scene: Scene) -> None:
    run_id = scene.started()
    scene.comment("@bellhop stop")
    scene.work(run_id, reason="cancelled", exit_code=143)
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Refused)
    assert (outcome.reason, outcome.text) == ("cancelled", "Stopped, as alice asked for. The agent had changed nothing by then.")
    assert (scene.branches(), scene.left()) == ([], [])


def test_r37_the_check_of_a_stopped_runs_work_goes_on(scene: Scene) -> None:
    scene.profiles["fix"] = profile(verify="true")
    run_id = scene.started()
    scene.comment("@bellhop stop")
    scene.work(run_id, FIX, reason="cancelled", exit_code=143)
    scene.pump()
    assert scene.runner(run_id, "verify").get("/runner/messages?wait=0").json()["cancel"] is False
    scene.sql("UPDATE stages SET at_ms = at_ms - 4000000 WHERE name = 'stop'")
    sweep(scene.parts)
    assert scene.backend.stopped == []
    scene.end(run_id, "verify", exit_code=0)
    scene.pump()
    assert stopped(scene, run_id).verify is not None


def test_r37_a_stop_that_comes_when_the_agent_has_ended_makes_a_draft(scene: Scene) -> None:
    run_id = scene.started()
    scene.work(run_id, FIX)
    scene.comment("@bellhop stop")
    scene.pump()
    stopped(scene, run_id)


def test_r37_a_stop_right_before_the_push_makes_a_draft(scene: Scene) -> None:
    run_id = scene.started()
    scene.work(run_id, FIX)
    with pytest.raises(Killed):
        finish(mortal(scene.parts, Doom("service.permission")), run_id)
    scene.comment("@bellhop stop")
    scene.recover(2)
    stopped(scene, run_id)


def test_r37_a_stop_that_comes_when_the_branch_is_pushed_is_too_late(scene: Scene) -> None:
    """Nobody is said to have stopped what is finished, published and ready."""
    run_id = scene.started()
    scene.work(run_id, FIX)
    with pytest.raises(Killed):
        finish(mortal(scene.parts, Doom("service.ensure_pull_request", before=True)), run_id)
    assert "too late" in (scene.comment("@bellhop stop").decision or "")
    scene.recover(2)
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, PullRequest)
    assert (outcome.draft, scene.run(run_id).stopped_by) == (False, "")
    assert "Stopped by" not in scene.comments()[0].body


def test_r37_a_stop_while_the_pull_request_is_described_makes_a_draft(scene: Scene) -> None:
    """The last look before the outside finds it, after everything else was decided."""
    run_id = scene.started()
    scene.work(run_id, FIX)
    real = scene.parts.services["github"].open_branches

    def said_meanwhile(*args: Any) -> Any:
        scene.comment("@bellhop stop")
        return real(*args)

    scene.parts.services["github"].open_branches = said_meanwhile  # type: ignore[assignment, method-assign]
    scene.pump()
    stopped(scene, run_id)


@pytest.mark.parametrize("second", ["@bellhop stop", "@bellhop now go on"])
def test_r37_stop_twice_is_once(scene: Scene, second: str) -> None:
    run_id = scene.started()
    scene.comment("@bellhop stop")
    scene.comment(second)
    scene.work(run_id, FIX, reason="cancelled", exit_code=143)
    scene.pump()
    stopped(scene, run_id)


def test_r37_cancel_after_stop_throws_the_work_away(scene: Scene) -> None:
    run_id = scene.started()
    scene.comment("@bellhop stop")
    scene.comment("@bellhop cancel")
    scene.work(run_id, FIX, reason="cancelled", exit_code=143)
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Refused)
    assert (outcome.reason, scene.branches(), scene.github.pull_requests("octo/hello")) == ("cancelled", [], [])


def test_r37_nobody_who_may_not_stops_a_run(scene: Scene) -> None:
    run_id = scene.started()
    assert scene.comment("@bellhop stop", BOB).state == "ignored"
    assert scene.run(run_id).stopped_by == ""
    scene.comment("@bellhop stop", ALICE)
    assert scene.run(run_id).stopped_by == "alice"


def test_r37_stopped_before_the_agent_began_there_is_nothing_to_keep(scene: Scene) -> None:
    run_id = scene.routed()
    with pytest.raises(Killed):
        start(mortal(scene.parts, Doom("workspaces.prepare")), run_id)
    scene.comment("@bellhop stop")
    scene.recover(2)
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Refused)
    assert "before the agent began" in outcome.text
    assert scene.left() == []


@pytest.mark.parametrize("claimed", [True, False])
def test_r37_a_stop_while_nobody_minds_the_sandbox_keeps_the_agents_work(scene: Scene, claimed: bool) -> None:
    """The worker died when the sandbox was made, and before its handle was on file."""
    run_id = scene.routed()
    with pytest.raises(Killed):
        start(mortal(scene.parts, Doom("backend.create")), run_id)
    if claimed:
        scene.runner(run_id)
    scene.comment("@bellhop stop")
    scene.recover(2)
    assert scene.run(run_id).state == "running"
    assert scene.runner(run_id).get("/runner/messages?wait=5").json()["cancel"] is True
    scene.work(run_id, FIX, reason="cancelled", exit_code=143)
    scene.pump()
    stopped(scene, run_id)


def test_r37_a_stop_before_the_sandbox_is_made_ends_the_run(scene: Scene) -> None:
    run_id = scene.routed()
    with pytest.raises(Killed):
        start(mortal(scene.parts, Doom("backend.create", before=True)), run_id)
    scene.comment("@bellhop stop")
    scene.recover(2)
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Refused)
    assert "before the agent began" in outcome.text
    assert scene.left() == []


def test_r37_a_stopped_sandbox_that_does_not_end_is_ended_from_outside(scene: Scene) -> None:
    run_id = scene.started()
    scene.comment("@bellhop stop")
    sweep(scene.parts)
    assert scene.backend.stopped == []
    scene.sql("UPDATE stages SET at_ms = at_ms - 400000 WHERE name = 'stop'")
    sweep(scene.parts)
    scene.pump()
    assert scene.backend.stopped == [f"{run_id}-work"]
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Refused)
    assert "what it had done is lost" in outcome.text


def test_a_run_that_failed_by_itself_is_not_said_to_be_stopped(scene: Scene) -> None:
    run_id = scene.started()
    scene.comment("@bellhop stop")
    scene.work(run_id, reason="idle", exit_code=143)
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Failed)
    assert outcome.reason == "idle"
