"""R6: a worker killed after each outside act. Another one goes on, and in the end there is one of everything."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.core.outcome import Failed, PullRequest
from app.execute.workspace import Workspaces
from tasks.finish import finish
from tasks.leased import MAX_KILLS
from tasks.route import route
from tasks.start import start
from tests.tasks.mortal import Doom, Killed, mortal
from tests.tasks.scene import Scene, profile

FIX = {"README.md": "hello, world\n"}


def one_of_everything(scene: Scene, run_id: str) -> None:
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, PullRequest), outcome
    assert len(scene.branches()) == 1
    assert [pull.number for pull in scene.github.pull_requests("octo/hello")] == [outcome.number]
    [comment] = scene.comments()
    assert outcome.url in comment.body
    assert scene.backend.created.count(f"{run_id}-work") == 1
    assert scene.left() == []
    # T50: a killed process cannot revoke; what it held is on file, and the sweeper does.
    assert scene.github.live_tokens() == []
    assert list(scene.settings.credentials_dir.glob("*.json*")) == []


@pytest.mark.parametrize(
    "at",
    [
        "service.permission",       # the person's permission is known, nothing is saved
        "service.upsert_comment",   # "On it" stands, and nobody knows
    ],
)
def test_r6_killed_while_routing(scene: Scene, at: str) -> None:
    inbox_id = scene.ring()
    doom = Doom(at)
    with pytest.raises(Killed):
        route(mortal(scene.parts, doom), inbox_id)
    scene.recover(1)
    [run] = scene.all_runs()
    scene.work(run.id, FIX)
    scene.pump()
    one_of_everything(scene, run.id)


@pytest.mark.slow  # one whole run for each step
@pytest.mark.parametrize(
    "at",
    [
        "minter.mint",
        "service.default_branch_head",
        "workspaces.fetch",
        "minter.revoke",
        "workspaces.prepare",
        "agent.assignment",
        "gateway.open",
        "backend.create",            # the container runs, and its handle is not noted
        "service.upsert_comment",
    ],
)
def test_r6_killed_while_starting(scene: Scene, at: str) -> None:
    run_id = scene.routed()
    doom = Doom(at)
    with pytest.raises(Killed):
        start(mortal(scene.parts, doom), run_id)
    start(scene.parts, run_id)
    assert scene.run(run_id).state != "done"
    scene.recover(2)
    assert scene.run(run_id).state == "running"
    scene.work(run_id, FIX)
    scene.pump()
    one_of_everything(scene, run_id)


@pytest.mark.slow  # one whole run for each write
@pytest.mark.parametrize("nth", range(1, 15))
def test_r6_killed_between_any_two_writes_of_starting(scene: Scene, nth: int) -> None:
    run_id = scene.routed()
    with pytest.raises(Killed):
        start(mortal(scene.parts, Doom("database.begin", nth, before=True)), run_id)
    scene.recover(2)
    assert scene.run(run_id).state == "running"
    scene.work(run_id, FIX)
    scene.recover(2)
    one_of_everything(scene, run_id)


def test_r6_the_agent_ends_while_no_worker_lives_and_is_not_asked_to_work_twice(scene: Scene) -> None:
    run_id = scene.routed()
    with pytest.raises(Killed):
        start(mortal(scene.parts, Doom("backend.create")), run_id)
    scene.work(run_id, FIX)
    scene.recover(2)
    one_of_everything(scene, run_id)


def test_r6_the_agent_ends_while_the_next_worker_is_looking_for_its_sandbox(scene: Scene) -> None:
    """The door is shut by then, which is no failure: the end itself moves the run on."""
    run_id = scene.routed()
    with pytest.raises(Killed):
        start(mortal(scene.parts, Doom("backend.create")), run_id)
    scene.later()

    class Slow(Workspaces):
        def prepare(self, *args: object, **kwargs: object) -> object:  # type: ignore[override]
            scene.work(run_id, FIX)
            scene.parts.gateway.close(f"{run_id}-work")
            return super().prepare(*args, **kwargs)  # type: ignore[arg-type]

    start(replace(scene.parts, workspaces=Slow(scene.settings)), run_id)
    assert scene.run(run_id).state == "collecting"
    scene.pump()
    one_of_everything(scene, run_id)


@pytest.mark.slow  # one whole run for each step
@pytest.mark.parametrize(
    ("at", "nth", "before"),
    [
        ("backend.destroy", 1, False),
        ("gateway.close", 1, False),
        ("agent.final_message", 1, False),           # the bundle is through the quarantine
        ("minter.mint", 1, False),
        ("service.permission", 1, False),
        ("service.ensure_pull_request", 1, True),    # pushed, and no pull request
        ("service.ensure_pull_request", 1, False),   # a pull request, and no outcome
        ("minter.revoke", 1, False),
        ("service.upsert_comment", 1, True),         # an outcome, and no comment
        ("service.upsert_comment", 1, False),        # a comment, and nobody knows
        ("workspaces.discard_run", 1, True),
    ],
)
def test_r6_killed_while_finishing(scene: Scene, at: str, nth: int, before: bool) -> None:
    run_id = scene.started()
    scene.work(run_id, FIX)
    doom = Doom(at, nth, before)
    with pytest.raises(Killed):
        finish(mortal(scene.parts, doom), run_id)
    scene.recover(2)
    one_of_everything(scene, run_id)


@pytest.mark.slow  # one whole run for each write
@pytest.mark.parametrize("nth", range(1, 14))
def test_r6_killed_between_any_two_writes_of_finishing(scene: Scene, nth: int) -> None:
    run_id = scene.started()
    scene.work(run_id, FIX)
    with pytest.raises(Killed):
        finish(mortal(scene.parts, Doom("database.begin", nth, before=True)), run_id)
    scene.recover(2)
    one_of_everything(scene, run_id)


@pytest.mark.slow  # one whole run for each step
@pytest.mark.parametrize("at", ["workspaces.prepare_result", "gateway.open", "backend.create"])
@pytest.mark.parametrize("before", [True, False])
def test_r6_killed_while_the_verification_is_started(scene: Scene, at: str, before: bool) -> None:
    scene.profiles["fix"] = profile(verify="true")
    run_id = scene.started()
    scene.work(run_id, FIX)
    with pytest.raises(Killed):
        finish(mortal(scene.parts, Doom(at, before=before)), run_id)
    scene.recover(2)
    assert scene.run(run_id).state == "verifying"
    scene.end(run_id, "verify", exit_code=0)
    scene.recover(2)
    one_of_everything(scene, run_id)


@pytest.mark.slow  # one whole run for each write
@pytest.mark.parametrize("nth", range(1, 10))
def test_r6_killed_between_any_two_writes_before_the_verification(scene: Scene, nth: int) -> None:
    scene.profiles["fix"] = profile(verify="true")
    run_id = scene.started()
    scene.work(run_id, FIX)
    with pytest.raises(Killed):
        finish(mortal(scene.parts, Doom("database.begin", nth, before=True)), run_id)
    scene.recover(2)
    assert scene.run(run_id).state == "verifying"
    scene.end(run_id, "verify", exit_code=0)
    scene.recover(2)
    one_of_everything(scene, run_id)


@pytest.mark.parametrize("at", ["workspaces.fetch", "backend.create"])
def test_r35_a_run_that_kills_its_workers_is_given_up_with_one_line(scene: Scene, at: str) -> None:
    run_id = scene.routed()
    kills = 0
    for _ in range(2 * MAX_KILLS):
        scene.later()
        try:
            start(mortal(scene.parts, Doom(at)), run_id)
        except Killed:
            kills += 1
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.who) == ("gave_up", "operator")
    assert kills <= MAX_KILLS + 1
    scene.recover(1)
    [comment] = scene.comments()
    assert "gave up" in comment.body
    assert scene.left() == []


def test_r35_a_result_that_kills_its_workers_is_given_up_with_one_line(scene: Scene) -> None:
    run_id = scene.started()
    scene.work(run_id, FIX)
    kills = 0
    for _ in range(2 * MAX_KILLS):
        scene.later()
        try:
            finish(mortal(scene.parts, Doom("agent.final_message")), run_id)
        except Killed:
            kills += 1
    assert kills == MAX_KILLS
    scene.recover(1)
    assert "gave up" in scene.comments()[0].body
    assert (scene.branches(), scene.left()) == ([], [])
