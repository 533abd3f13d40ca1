"""`setup:` from the first run, which installs, to the later ones, which do not; what fails, and who is told."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest

from app.core.assignment import SandboxEnd
from app.core.outcome import Failed, PullRequest, Refused
from app.execute.agents import acp, command, gemini_cli, mini
from app.execute.sandboxes.fake import FakeSandboxes
from app.ledger import runs, sandboxes
from app.observe.views import stages_of
from app.ports import Handle, SandboxSpec
from tasks.route import route
from tasks.start import start
from tasks.sweep import sweep
from tests.tasks.mortal import Doom, Killed, mortal
from tests.tasks.scene import Scene
from tests.tasks.set_up import FIX, again, install, layers, set_up, setups, stands_on, with_setup

pytestmark = pytest.mark.slow  # whole runs with a setup each


@pytest.fixture(autouse=True)
def a_profile_with_setup(scene: Scene) -> None:
    scene.profiles["fix"] = with_setup()


def work(scene: Scene, run_id: str, files: dict[str, str] | None = None) -> None:
    scene.work(run_id, files or FIX)
    scene.pump()


def test_the_first_run_sets_up_and_goes_on_by_itself(scene: Scene) -> None:
    run_id = scene.routed()
    start(scene.parts, run_id)
    assert scene.run(run_id).state == "preparing"
    assert "setting up" in scene.comments()[0].body
    with scene.database.read() as tx:
        [row] = sandboxes.of_run(tx, run_id)
    assert (row.id, row.role, row.assignment.models, row.assignment.base_commit) == (f"{run_id}-setup", "setup", (), None)
    assert (row.assignment.door.has_tools, row.assignment.door.repository) == (False, None)
    install(scene, run_id)
    scene.pump()
    assert scene.run(run_id).state == "running"
    assert stands_on(scene, f"{run_id}-work") == f"{run_id}-setup"
    assert list(scene.backend.find()) == [f"{run_id}-work"]
    work(scene, run_id)
    assert isinstance(scene.outcome(run_id), PullRequest)
    assert scene.left() == []
    with scene.database.read() as tx:
        labels = [stage.name for stage in stages_of(runs.timeline(tx, run_id))]
    assert "setting up" in labels


def test_t39_what_a_setup_puts_in_the_way_of_agents_own_files_is_not_kept(scene: Scene) -> None:
    """A link there, and every run that stands on the layer would be refused by its runner."""
    run_id = scene.routed()
    start(scene.parts, run_id)
    with scene.database.read() as tx:
        [row] = sandboxes.of_run(tx, run_id)
    assert row.assignment.layer is not None
    files = (command.PROMPT_NAME, mini.CONFIG_NAME, acp.CONFIG_NAME, gemini_cli.RESUME_NAME)
    assert {name.partition("/")[0] for name in files} <= set(row.assignment.layer.home_leaves_out)


def test_the_second_run_on_the_same_lockfiles_installs_nothing(scene: Scene) -> None:
    first = set_up(scene)
    scene.github.person("alice").push("octo/hello", "main", {"code.py": "print(1)\n"})
    work(scene, first)
    second = set_up(scene)
    assert setups(scene, second) == []
    assert stands_on(scene, f"{second}-work") == f"{first}-setup"


@pytest.mark.parametrize("path", ["package-lock.json", "sub/.gitignore", "tools/install.sh"])
def test_a_changed_lockfile_is_set_up_anew(scene: Scene, path: str) -> None:
    scene.profiles["fix"] = with_setup(setup={"files": ["tools/*"]})
    work(scene, set_up(scene))
    scene.github.person("alice").push("octo/hello", "main", {path: "another\n"})
    second = set_up(scene)
    assert setups(scene, second) == ["setup"]
    assert stands_on(scene, f"{second}-work") == f"{second}-setup"


def test_a_verification_sees_what_was_installed(scene: Scene) -> None:
    scene.profiles["fix"] = with_setup(verify="npm test")
    run_id = set_up(scene)
    work(scene, run_id)
    assert scene.run(run_id).state == "verifying"
    assert stands_on(scene, f"{run_id}-verify") == f"{run_id}-setup"
    scene.end(run_id, "verify", exit_code=0)
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, PullRequest)
    assert (outcome.draft, outcome.verify and outcome.verify.passed) == (False, True)
    assert setups(scene, run_id) == ["setup"]
    assert scene.left() == []


def test_a_result_with_another_lockfile_is_set_up_before_it_is_verified(scene: Scene) -> None:
    scene.profiles["fix"] = with_setup(verify="npm test")
    run_id = set_up(scene)
    work(scene, run_id, {"package-lock.json": "by the agent\n"})
    assert scene.run(run_id).state == "preparing"
    assert "setting up" in scene.comments()[0].body
    install(scene, run_id, "setup-verify")
    scene.pump()
    assert scene.run(run_id).state == "verifying"
    assert stands_on(scene, f"{run_id}-verify") == f"{run_id}-setup-verify"
    scene.end(run_id, "verify", exit_code=0)
    scene.pump()
    assert isinstance(scene.outcome(run_id), PullRequest)
    assert scene.left() == []


def test_t39_what_an_agents_result_installs_no_other_run_stands_on(scene: Scene) -> None:
    """Also when its lockfile is taken in: what its own code did while it was installed is nobody else's."""
    scene.profiles["fix"] = with_setup(verify="npm test")
    run_id = set_up(scene)
    work(scene, run_id, {"package-lock.json": "by the agent\n"})
    install(scene, run_id, "setup-verify")
    scene.pump()
    scene.end(run_id, "verify", exit_code=0)
    scene.pump()
    scene.github.person("alice").push("octo/hello", "main", {"package-lock.json": "by the agent\n"})
    second = set_up(scene)
    assert setups(scene, second) == ["setup"]
    assert stands_on(scene, f"{second}-work") == f"{second}-setup"


def test_t39_what_a_pull_request_installs_the_default_branch_does_not_stand_on(scene: Scene) -> None:
    """Same lockfiles, another postinstall script: nothing of it is ever below a run on the default branch."""
    alice = scene.github.person("alice")
    alice.push("octo/hello", "feature", {"scripts/postinstall.js": "evil\n"})
    run = again(scene, alice.open_pull("octo/hello", "feature", "A feature").number)
    assert run.state == "preparing"
    install(scene, run.id)
    scene.pump()
    assert stands_on(scene, f"{run.id}-work") == f"{run.id}-setup"
    assert [name.startswith("private-") for name in layers(scene)] == [True]
    other = set_up(scene)
    assert setups(scene, other) == ["setup"]
    assert stands_on(scene, f"{other}-work") == f"{other}-setup"


def test_t39_an_agents_own_pull_request_makes_no_layer_for_others_either(scene: Scene) -> None:
    first = scene.parts.profiles["fix"].model_copy(update={"setup": None})
    scene.profiles["fix"] = first
    run_id = scene.started()
    work(scene, run_id)
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, PullRequest)
    scene.profiles["fix"] = with_setup()
    run = again(scene, outcome.number)
    install(scene, run.id)
    scene.pump()
    assert [name.startswith("private-") for name in layers(scene)] == [True]


def test_t39_a_branch_of_an_agents_own_makes_no_layer_for_others_either(scene: Scene) -> None:
    """Offered as `branch=`, it is worked on without a pull request, and is written by an agent all the same."""
    scene.github.person("alice").push("octo/hello", "bellhop/abc", {"code.py": "by an agent\n"})
    scene.profiles["fix"] = with_setup(choose={"branches": ["*"]})
    run_id = scene.comment("@bellhop branch=bellhop/abc go on").run_id
    assert run_id is not None
    scene.pump()
    install(scene, run_id)
    scene.pump()
    assert scene.run(run_id).state == "running"
    assert [name.startswith("private-") for name in layers(scene)] == [True]


def test_a_pull_request_with_the_same_lockfiles_stands_on_what_the_default_branch_installed(scene: Scene) -> None:
    first = set_up(scene)
    work(scene, first)
    alice = scene.github.person("alice")
    alice.push("octo/hello", "feature", {"code.py": "print(1)\n"})
    run = again(scene, alice.open_pull("octo/hello", "feature", "A feature").number)
    assert (run.state, setups(scene, run.id)) == ("running", [])
    assert stands_on(scene, f"{run.id}-work") == f"{first}-setup"


@pytest.mark.parametrize(("end", "words", "who"), [
    ({"exit_code": 2}, "exit code 2", "person"),
    ({"reason": "timeout", "exit_code": 143}, "ran out of time", "person"),
    ({"reason": "lost", "exit_code": None, "text": "broke"}, "its sandbox died", "operator"),
    ({"reason": "refused", "text": "what was installed could not be kept: no git"}, "could not be kept", "person"),
], ids=["exit", "timeout", "lost", "refused"])
def test_a_setup_that_fails_is_the_outcome_with_its_last_lines(scene: Scene, end: dict[str, Any], words: str, who: str) -> None:
    run_id = scene.routed()
    start(scene.parts, run_id)
    lines = [{"stream": "stdout", "text": f"line {number}"} for number in range(40)]
    scene.runner(run_id, "setup").post("/runner/steps", json={"first": 0, "lines": lines}).raise_for_status()
    install(scene, run_id, **end)
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Failed), outcome
    assert (outcome.reason, outcome.who) == ("setup_failed", who)
    assert words in outcome.text
    assert "line 39" in outcome.text
    assert "line 5\n" not in outcome.text
    assert layers(scene) == []
    assert scene.left() == []
    assert "line 39" in scene.comments()[0].body


def test_a_setup_that_left_nothing_is_told(scene: Scene) -> None:
    run_id = scene.routed()
    start(scene.parts, run_id)
    scene.end(run_id, "setup", exit_code=0)
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Failed)
    assert (outcome.reason, scene.left()) == ("setup_failed", [])


def test_a_setup_that_cannot_be_kept_is_told_and_leaves_nothing(scene: Scene) -> None:
    """As on a full disk, where each file that stays makes it worse."""
    run_id = scene.routed()
    start(scene.parts, run_id)
    (scene.settings.state_dir / "layers").mkdir(exist_ok=True)
    (scene.settings.state_dir / "layers" / f".{run_id}-setup").write_text("in the way")
    install(scene, run_id)
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Failed)
    assert (outcome.reason, scene.left()) == ("setup_failed", [])
    assert "was not kept" in outcome.text


def test_a_results_setup_that_fails_is_a_failed_check(scene: Scene) -> None:
    scene.profiles["fix"] = with_setup(verify="npm test")
    run_id = set_up(scene)
    work(scene, run_id, {"package-lock.json": "by the agent\n"})
    lines = [{"stream": "stderr", "text": "no such package"}]
    scene.runner(run_id, "setup-verify").post("/runner/steps", json={"first": 0, "lines": lines}).raise_for_status()
    install(scene, run_id, "setup-verify", exit_code=1)
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, PullRequest), outcome
    assert outcome.draft
    assert outcome.verify is not None
    assert (outcome.verify.passed, "no such package" in outcome.verify.tail) == (False, True)
    assert scene.backend.created == [f"{run_id}-setup", f"{run_id}-work", f"{run_id}-setup-verify"]
    assert scene.left() == []


@pytest.mark.parametrize("word", ["stop", "cancel"])
def test_r37_a_stop_while_it_is_set_up_ends_it(scene: Scene, word: str) -> None:
    run_id = scene.routed()
    start(scene.parts, run_id)
    runner = scene.runner(run_id, "setup")
    scene.comment(f"@bellhop {word}")
    assert runner.get("/runner/messages?wait=5").json()["cancel"] is True
    install(scene, run_id, reason="cancelled", exit_code=143)
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Refused)
    assert (outcome.reason, scene.left()) == ("cancelled", [])


def test_r37_a_stop_while_a_result_is_set_up_keeps_the_work(scene: Scene) -> None:
    scene.profiles["fix"] = with_setup(verify="npm test")
    run_id = set_up(scene)
    work(scene, run_id, {"package-lock.json": "by the agent\n"})
    runner = scene.runner(run_id, "setup-verify")
    scene.comment("@bellhop stop")
    assert runner.get("/runner/messages?wait=0").json()["cancel"] is False
    install(scene, run_id, "setup-verify")
    scene.pump()
    scene.end(run_id, "verify", exit_code=0)
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, PullRequest)
    assert outcome.draft


def test_a_setup_that_dies_without_a_word_is_found_by_the_sweeper(scene: Scene) -> None:
    run_id = scene.routed()
    scene.backend.kind = "dies"
    start(scene.parts, run_id)
    sweep(scene.parts)
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.who, scene.left()) == ("setup_failed", "operator", [])


class Flat(FakeSandboxes):
    """A backend without overlays, as bubblewrap without root."""

    name = "flat"
    has_overlays = False


def test_the_weakest_backend_that_can_keep_what_is_installed_is_taken(scene: Scene) -> None:
    flat = Flat("never_ends")
    run_id = scene.routed()
    start(replace(scene.parts, backends=(flat, scene.backend)), run_id)
    assert (flat.created, scene.backend.created) == ([], [f"{run_id}-setup"])


def test_a_host_that_cannot_keep_what_is_installed_refuses_in_words(scene: Scene) -> None:
    flat = Flat("never_ends")
    run_id = scene.routed()
    start(replace(scene.parts, backends=(flat,)), run_id)
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.who, flat.created) == ("no_overlay", "operator", [])
    assert "take `setup:` out of the profile" in outcome.text


def test_two_runs_that_set_up_the_same_at_once_keep_one(scene: Scene) -> None:
    scene.github.person("alice").open_issue("octo/hello", "Another one")
    first = scene.routed()
    start(scene.parts, first)
    inbox_id = scene.ring(number=2)
    route(scene.parts, inbox_id)
    second = scene.entry(inbox_id).run_id
    assert second is not None
    start(scene.parts, second)
    install(scene, first)
    install(scene, second)
    scene.pump()
    assert [scene.run(run_id).state for run_id in (first, second)] == ["running", "running"]
    assert {stands_on(scene, f"{run_id}-work") for run_id in (first, second)} == {f"{first}-setup"}
    assert len(layers(scene)) == 1


def test_a_layer_that_a_sandbox_stands_on_is_not_swept(scene: Scene) -> None:
    run_id = set_up(scene)
    place = scene.settings.state_dir / "layers" / layers(scene)[0]
    os.utime(place / "used", (0, 0))
    sweep(scene.parts)
    assert layers(scene) == [place.name]
    work(scene, run_id)
    sweep(scene.parts)
    assert layers(scene) == [place.name]
    os.utime(place / "used", (0, 0))
    sweep(scene.parts)
    assert layers(scene) == []


def test_r6_a_setup_that_is_over_before_its_worker_is_done_moves_the_run_on(scene: Scene) -> None:
    """Whoever was woken by its end found the run taken; so whoever held it wakes the next."""

    class Quick(FakeSandboxes):
        def create(self, spec: SandboxSpec) -> Handle:
            handle = super().create(spec)
            if spec.id.endswith("-setup"):
                install(scene, spec.run_id)
                scene.wakeup.calls.clear()
            return handle

    scene.parts = replace(scene.parts, backends=(Quick("never_ends"),))
    run_id = scene.routed()
    with pytest.raises(Killed):
        start(mortal(scene.parts, Doom("workspaces.fetch")), run_id)
    scene.later()
    assert scene.run(run_id).state == "starting"
    start(scene.parts, run_id)
    assert scene.run(run_id).state == "starting"
    scene.pump()
    assert scene.run(run_id).state == "running"


def test_r6_a_setups_end_that_nobody_heard_moves_the_run_on(scene: Scene) -> None:
    run_id = scene.routed()
    start(scene.parts, run_id)
    install(scene, run_id)
    scene.wakeup.calls.clear()
    scene.recover(1)
    assert scene.run(run_id).state == "running"
    with scene.database.read() as tx:
        rows = {row.id: (row.state, row.end) for row in sandboxes.of_run(tx, run_id)}
    assert rows[f"{run_id}-setup"] == ("destroyed", SandboxEnd(reason="exited", exit_code=0, duration_ms=5))
