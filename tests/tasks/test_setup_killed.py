"""R6: a worker killed at each step of a setup. Another one goes on, and in the end there is one outcome and one layer."""

from __future__ import annotations

import pytest

from app.core.outcome import PullRequest
from tasks.finish import finish
from tasks.start import start
from tests.tasks.mortal import Doom, Killed, mortal
from tests.tasks.scene import Scene
from tests.tasks.set_up import FIX, install, layers, set_up, stands_on, with_setup


@pytest.fixture(autouse=True)
def a_profile_with_setup(scene: Scene) -> None:
    scene.profiles["fix"] = with_setup(verify="npm test")


def ends_well(scene: Scene, run_id: str, made: list[str]) -> None:
    """Let the run go to its end, and see that nothing was done twice, kept twice or left."""
    if scene.run(run_id).state == "running":
        assert stands_on(scene, f"{run_id}-work") == f"{run_id}-setup"
        scene.work(run_id, FIX)
        scene.recover(2)
    assert scene.run(run_id).state == "verifying"
    scene.end(run_id, "verify", exit_code=0)
    scene.recover(2)
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, PullRequest), outcome
    assert (outcome.draft, outcome.verify and outcome.verify.passed) == (False, True)
    assert scene.backend.created == made
    assert len(layers(scene)) == sum("setup" in sandbox_id for sandbox_id in made)
    assert scene.left() == []


@pytest.mark.slow  # one whole run for each step
@pytest.mark.parametrize("at", ["workspaces.prepare", "gateway.open", "backend.create"])
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_r6_killed_while_a_setup_is_started(scene: Scene, at: str, before: bool) -> None:
    run_id = scene.routed()
    with pytest.raises(Killed):
        start(mortal(scene.parts, Doom(at, before=before)), run_id)
    scene.recover(2)
    assert scene.run(run_id).state == "preparing"
    install(scene, run_id)
    scene.recover(2)
    ends_well(scene, run_id, [f"{run_id}-setup", f"{run_id}-work", f"{run_id}-verify"])


def test_r6_a_setup_ends_while_no_worker_lives(scene: Scene) -> None:
    run_id = scene.routed()
    with pytest.raises(Killed):
        start(mortal(scene.parts, Doom("backend.create")), run_id)
    install(scene, run_id)
    scene.recover(2)
    ends_well(scene, run_id, [f"{run_id}-setup", f"{run_id}-work", f"{run_id}-verify"])


@pytest.mark.slow  # one whole run for each step
@pytest.mark.parametrize("at", ["backend.destroy", "gateway.close", "workspaces.keep_layer", "workspaces.discard", "workspaces.prepare"])
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_r6_killed_while_what_was_set_up_is_kept(scene: Scene, at: str, before: bool) -> None:
    run_id = scene.routed()
    start(scene.parts, run_id)
    install(scene, run_id)
    with pytest.raises(Killed):
        finish(mortal(scene.parts, Doom(at, before=before)), run_id)
    scene.recover(2)
    ends_well(scene, run_id, [f"{run_id}-setup", f"{run_id}-work", f"{run_id}-verify"])


@pytest.mark.slow  # one whole run for each write
@pytest.mark.parametrize("nth", range(1, 12))
def test_r6_killed_between_any_two_writes_before_a_setup(scene: Scene, nth: int) -> None:
    run_id = scene.routed()
    with pytest.raises(Killed):
        start(mortal(scene.parts, Doom("database.begin", nth, before=True)), run_id)
    scene.recover(2)
    assert scene.run(run_id).state == "preparing"
    install(scene, run_id)
    scene.recover(2)
    ends_well(scene, run_id, [f"{run_id}-setup", f"{run_id}-work", f"{run_id}-verify"])


@pytest.mark.slow  # one whole run for each write
@pytest.mark.parametrize("nth", range(1, 15))
def test_r6_killed_between_any_two_writes_after_a_setup(scene: Scene, nth: int) -> None:
    run_id = scene.routed()
    start(scene.parts, run_id)
    install(scene, run_id)
    with pytest.raises(Killed):
        finish(mortal(scene.parts, Doom("database.begin", nth, before=True)), run_id)
    scene.recover(2)
    ends_well(scene, run_id, [f"{run_id}-setup", f"{run_id}-work", f"{run_id}-verify"])


def changed(scene: Scene) -> str:
    """A run whose agent has changed the lockfile, with nobody to hear of its end."""
    run_id = set_up(scene)
    scene.work(run_id, {"package-lock.json": "by the agent\n"})
    return run_id


@pytest.mark.slow  # one whole run for each step
@pytest.mark.parametrize("at", ["workspaces.prepare_result", "gateway.open", "backend.create"])
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_r6_killed_while_a_results_setup_is_started(scene: Scene, at: str, before: bool) -> None:
    run_id = changed(scene)
    with pytest.raises(Killed):
        finish(mortal(scene.parts, Doom(at, before=before)), run_id)
    scene.recover(2)
    assert scene.run(run_id).state == "preparing"
    install(scene, run_id, "setup-verify")
    scene.recover(2)
    ends_well(scene, run_id, [f"{run_id}-{role}" for role in ("setup", "work", "setup-verify", "verify")])


@pytest.mark.slow  # one whole run for each step
@pytest.mark.parametrize("at", ["backend.destroy", "workspaces.keep_layer", "workspaces.discard", "workspaces.prepare_result"])
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_r6_killed_while_what_a_result_set_up_is_kept(scene: Scene, at: str, before: bool) -> None:
    run_id = changed(scene)
    finish(scene.parts, run_id)
    install(scene, run_id, "setup-verify")
    with pytest.raises(Killed):
        finish(mortal(scene.parts, Doom(at, before=before)), run_id)
    scene.recover(2)
    ends_well(scene, run_id, [f"{run_id}-{role}" for role in ("setup", "work", "setup-verify", "verify")])


@pytest.mark.slow  # one whole run for each write
@pytest.mark.parametrize("nth", range(1, 12))
def test_r6_killed_between_any_two_writes_around_a_results_setup(scene: Scene, nth: int) -> None:
    run_id = changed(scene)
    finish(scene.parts, run_id)
    install(scene, run_id, "setup-verify")
    with pytest.raises(Killed):
        finish(mortal(scene.parts, Doom("database.begin", nth, before=True)), run_id)
    scene.recover(2)
    ends_well(scene, run_id, [f"{run_id}-{role}" for role in ("setup", "work", "setup-verify", "verify")])
