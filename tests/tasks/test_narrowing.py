"""A repository's own `.bellhop/*.yaml` on its default branch takes away from a profile, and a pull request that changes it is told what that means."""

from __future__ import annotations

import pytest

from app.core.event import Actor
from app.core.outcome import Message, PullRequest, Refused
from tasks.route import route
from tests.tasks.scene import Scene, profile

HELLO = "octo/hello"
FIX = {"README.md": "hello, world\n"}


def says(scene: Scene, text: str, name: str = "fix") -> None:
    scene.github.person("alice").push(HELLO, "main", {f".bellhop/{name}.yaml": text})


def refused(scene: Scene) -> Refused:
    run_id = scene.routed()
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Refused), outcome
    assert (scene.backend.created, scene.left()) == ([], [])
    return outcome


def test_the_run_works_with_what_the_repository_leaves_of_its_profile(scene: Scene) -> None:
    scene.profiles["fix"] = profile(limits={"max-steps": 50})
    says(scene, "limits: {max-steps: 7, max-patch-kb: 99999}\ntimeout-minutes: 5\n")
    says(scene, "autonomy: draft\n", "_all")
    run_id = scene.started()
    run = scene.run(run_id)
    assert (run.profile.limits.max_steps, run.profile.limits.max_patch_kb, run.profile.timeout_minutes) == (7, 4096, 5)
    scene.work(run_id, FIX)
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, PullRequest)
    assert outcome.draft
    assert "changes nothing" in scene.comments()[0].body


def test_a_repository_that_only_wants_to_be_looked_at_is(scene: Scene) -> None:
    says(scene, "autonomy: observe\n")
    run_id = scene.started()
    scene.work(run_id)
    scene.pump()
    assert isinstance(scene.outcome(run_id), Message)


@pytest.mark.parametrize(("text", "reason", "what"), [
    ("enabled: false\n", "turned_off", "turned the profile fix off"),
    ("verify: 'true'\n", "narrowing", "only what narrows is"),
    ("limits: {max-steps: [\n", "narrowing", "line"),
    ("who: {permission: admin}\n", "not_permitted", "asks for `admin`"),
])
def test_what_it_will_not_have_or_cannot_be_followed_starts_nothing(scene: Scene, text: str, reason: str, what: str) -> None:
    says(scene, text)
    outcome = refused(scene)
    assert outcome.reason == reason
    assert what in outcome.text


def test_only_the_default_branch_and_the_profiles_own_file_count(scene: Scene) -> None:
    says(scene, "autonomy: observe\n", "other")
    scene.github.person("alice").push(HELLO, "next", {".bellhop/fix.yaml": "enabled: false\n"})
    scene.started()


def test_an_approved_result_is_held_to_what_the_repository_says_by_then(scene: Scene) -> None:
    scene.profiles["fix"] = profile(autonomy="suggest")
    run_id = scene.started()
    scene.work(run_id, FIX)
    scene.pump()
    says(scene, "enabled: false\n")
    second = str(scene.comment("@bellhop approve").run_id)
    scene.pump()
    outcome = scene.outcome(second)
    assert isinstance(outcome, Refused)
    assert outcome.reason == "turned_off"
    assert scene.branches() == []


def test_a_pull_request_that_changes_it_is_told_once_for_each_head_what_it_would_change(scene: Scene) -> None:
    alice = scene.github.person("alice")
    says(scene, "limits: {max-steps: 7}\n")
    alice.push(HELLO, "narrower", {".bellhop/fix.yaml": "limits: {max-steps: 5}\nautonomy: suggest\n"})
    number = alice.open_pull(HELLO, "narrower", "Less").number
    for kind in ("pull_request.opened", "pull_request.synchronize"):
        route(scene.parts, scene.ring(kind=kind, number=number, is_pull_request=True))
    [comment] = scene.comments(number)
    assert "limits.max-steps" in comment.body
    assert "`limits.max-steps: 7 -> 5`" in comment.body
    assert "- `fix`: `autonomy: propose -> suggest`" in comment.body
    alice.push(HELLO, "narrower", {".bellhop/fix.yaml": "verify: 'true'\n"})
    route(scene.parts, scene.ring(kind="pull_request.synchronize", number=number, is_pull_request=True))
    [comment] = scene.comments(number)
    assert "cannot be followed" in comment.body
    # Of others, nothing is said.
    alice.push(HELLO, "docs", {"docs.md": "x\n"})
    other = alice.open_pull(HELLO, "docs", "Docs").number
    route(scene.parts, scene.ring(kind="pull_request.opened", number=other, is_pull_request=True))
    assert scene.comments(other) == []


def test_a_program_that_the_repository_leaves_out_starts_nothing(scene: Scene) -> None:
    scene.profiles["fix"] = profile(who={"apps": [909]})
    says(scene, "who: {apps: []}\n")
    inbox_id = scene.ring(actor=Actor(id="909", login="renovate[bot]", kind="bot"))
    route(scene.parts, inbox_id)
    run_id = scene.entry(inbox_id).run_id
    assert run_id is not None
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Refused)
    assert (outcome.reason, scene.backend.created) == ("not_permitted", [])


def test_what_was_chosen_and_the_repository_leaves_nobody_to_choose_starts_nothing(scene: Scene) -> None:
    scene.profiles["fix"] = profile(on={"issue_comment": {}}, choose={"branches": ["next"]})
    scene.github.person("alice").push(HELLO, "next", {"a.txt": "x\n"})
    says(scene, "choose: {branches: []}\n")
    run_id = scene.comment("@bellhop branch=next mend it").run_id
    assert run_id is not None
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Refused)
    assert (outcome.reason, scene.backend.created) == ("option", [])
    # Who chooses nothing is not kept from anything.
    again = scene.comment("@bellhop mend it").run_id
    assert again is not None
    scene.pump()
    assert scene.run(again).state == "running"
