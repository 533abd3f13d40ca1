"""What does not go by itself: observed, suggested, planned, or held for a path; and the yes of people that it takes."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from app.core.event import Actor, Ci, Event
from app.core.outcome import Held, Message, PullRequest, Refused
from app.emulators.github.seed import SeedUser
from app.ledger import audit, holds, inbox, pauses, sandboxes
from tasks.route import route
from tasks.start import start
from tasks.sweep import sweep
from tests.github_at_work import REPO
from tests.tasks.mortal import Doom, Killed, mortal
from tests.tasks.scene import ALICE, BOB, Scene, profile

pytestmark = pytest.mark.slow  # whole runs, most with an approval and the run that follows

HELLO = "octo/hello"
FIX = {"README.md": "hello, world\n"}
DORA, DAN = (Actor(id=number, login=login, kind="person") for number, login in (("203", "dora"), ("204", "dan")))


def worked(scene: Scene, files: dict[str, str] | None = None, **end: object) -> str:
    run_id = scene.started()
    scene.work(run_id, FIX if files is None else files, said="I would say hello to the world", **end)
    scene.pump()
    return run_id


def held(scene: Scene, run_id: str) -> Held:
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Held), outcome
    assert scene.left() == [], "what waits holds nothing on this host"
    return outcome


def said_by_bot(scene: Scene, number: int = 1) -> list[str]:
    return [comment.body for comment in scene.comments(number) if comment.via_app]


def writers(scene: Scene, *logins: str) -> None:
    for login in logins:
        scene.github.add_user(SeedUser(login=login, id={"dora": 203, "dan": 204}[login]))
        scene.github.set_role(HELLO, login, "write")


def prompt(scene: Scene, run_id: str) -> str:
    with scene.database.read() as tx:
        row = sandboxes.load(tx, f"{run_id}-work")
    assert row is not None
    return row.assignment.files["prompt.md"]


def proposed(scene: Scene, run_id: str) -> PullRequest:
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, PullRequest), outcome
    return outcome


def test_observing_says_what_it_sees_and_takes_no_change(scene: Scene) -> None:
    scene.profiles["fix"] = profile(autonomy="observe")
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        worked(scene)
    [run_id] = [run.id for run in scene.all_runs()]
    scene.work(run_id, said="I would say hello to the world")
    scene.pump()
    assert scene.outcome(run_id) == Message(text="I would say hello to the world")
    assert (scene.branches(), scene.github.pull_requests(HELLO), scene.left()) == ([], [], [])


def test_a_suggestion_shows_the_change_and_an_approval_publishes_that_very_commit(scene: Scene) -> None:
    scene.profiles["fix"] = profile(autonomy="suggest")
    run_id = worked(scene)
    outcome = held(scene, run_id)
    assert scene.branches() == []
    [comment] = said_by_bot(scene)
    assert "this is a suggestion" in comment
    assert "+hello, world" in comment
    assert f"@bellhop approve {outcome.binds[:7]}`" in comment

    entry = scene.comment(f"@bellhop approve {outcome.binds[:7]}")
    assert entry.run_id not in (None, run_id)
    scene.pump()
    made = proposed(scene, str(entry.run_id))
    assert not made.draft
    assert scene.github.branches(HELLO)[made.branch] == outcome.binds
    assert scene.backend.created == [f"{run_id}-work"], "no second agent"
    assert scene.left() == []
    [pull] = scene.github.pull_requests(HELLO)
    assert pull.title == "It breaks"
    assert "approved by" in said_by_bot(scene)[1]
    with scene.database.read() as tx:
        rows = [row for row in audit.of_run(tx, run_id) if row.action == "approve"]
    assert [(row.target, row.verdict) for row in rows] == [(outcome.binds, "by alice (101, write)")]


def test_a_suggestion_is_done_anew_where_its_files_have_changed_and_waits_again(scene: Scene) -> None:
    scene.profiles["fix"] = profile(autonomy="suggest")
    run_id = worked(scene)
    held(scene, run_id)
    scene.github.person("alice").push(HELLO, "main", {"README.md": "hello there\n"})
    second = str(scene.comment("@bellhop approve").run_id)
    scene.pump()
    assert scene.run(second).state == "running"
    assert "main has changed files of it since" in said_by_bot(scene)[-1]
    scene.work(second, {"README.md": "hello there, world\n"})
    scene.pump()
    held(scene, second)
    assert scene.branches() == []


def test_a_suggestion_is_the_same_where_other_files_have_changed(scene: Scene) -> None:
    scene.profiles["fix"] = profile(autonomy="suggest")
    outcome = held(scene, worked(scene))
    scene.github.person("alice").push(HELLO, "main", {"other.txt": "x\n"})
    second = str(scene.comment("@bellhop approve").run_id)
    scene.pump()
    assert scene.github.branches(HELLO)[proposed(scene, second).branch] == outcome.binds


def test_an_approval_counts_once_for_the_newest_by_whoever_may_and_in_time(scene: Scene) -> None:
    scene.profiles["fix"] = profile(autonomy="suggest")
    run_id = worked(scene)
    outcome = held(scene, run_id)
    # By somebody who may not: as if nothing was said.
    assert "not_permitted" in str(scene.comment("@bellhop approve", BOB).decision)
    # For something else.
    scene.comment("@bellhop approve 0123456")
    assert f"{outcome.binds[:7]} is" in said_by_bot(scene)[-1]
    scene.sql("UPDATE holds SET expires_at_ms = 1")
    scene.comment("@bellhop approve")
    assert "its time is over" in said_by_bot(scene)[-1]
    sweep(scene.parts)
    with scene.database.read() as tx:
        hold = holds.load(tx, run_id)
    assert hold is not None
    assert hold.bundle is None, "nobody can ask for it any more"
    assert [run.id for run in scene.all_runs()] == [run_id]
    assert len([body for body in said_by_bot(scene) if " answer -->" in body]) == 1, "every answer is in one comment"


def test_what_was_rejected_is_thrown_away(scene: Scene) -> None:
    scene.profiles["fix"] = profile(autonomy="suggest")
    run_id = worked(scene)
    scene.comment("@bellhop reject")
    scene.comment("@bellhop approve")
    with scene.database.read() as tx:
        hold = holds.load(tx, run_id)
    assert hold is not None
    assert (hold.state, hold.bundle) == ("rejected", None)
    assert "Rejected by alice" in said_by_bot(scene)[0]
    assert "it is rejected already" in said_by_bot(scene)[1]
    assert len(scene.all_runs()) == 1


def test_a_risky_path_waits_for_two_people_of_whom_none_asked_for_it(scene: Scene) -> None:
    scene.profiles["fix"] = profile(approval={"paths": ["db/**"], "approvers": 2, "requester": "exclude"}, autonomy="draft")
    writers(scene, "dora", "dan")
    run_id = worked(scene, {"db": "x\n"})
    outcome = held(scene, run_id)
    assert outcome.paths == ("db",)
    scene.comment("@bellhop approve", ALICE)
    assert "whoever asked for the work does not approve it" in said_by_bot(scene)[-1]
    scene.comment("@bellhop approve", DORA)
    scene.comment("@bellhop approve", DORA)
    assert len(scene.all_runs()) == 1
    assert "Approved by `dora`" in said_by_bot(scene)[0]
    second = str(scene.comment("@bellhop approve", DAN).run_id)
    scene.pump()
    made = proposed(scene, second)
    assert made.draft, "an approval makes nothing ready for review that is for a draft"
    assert re.search("approved by `?dora, dan", said_by_bot(scene)[-1].replace("\u200b", "")), said_by_bot(scene)


def test_what_touches_no_risky_path_does_not_wait(scene: Scene) -> None:
    scene.profiles["fix"] = profile(approval={"paths": ["db/**"]})
    proposed(scene, worked(scene))


def test_a_plan_is_made_first_and_worked_on_once_it_is_approved(scene: Scene) -> None:
    scene.profiles["fix"] = profile(approval={"plan": True})
    run_id = worked(scene, {})
    outcome = held(scene, run_id)
    assert (outcome.what, outcome.text) == ("plan", "I would say hello to the world")
    assert (scene.branches(), len(scene.github.pull_requests(HELLO))) == ([], 0)
    second = str(scene.comment("@bellhop approve").run_id)
    scene.pump()
    run = scene.run(second)
    assert (run.state, run.parent_id) == ("running", run_id)
    assert "I would say hello to the world" in prompt(scene, second)
    assert "make a plan" not in prompt(scene, second)
    assert "make a plan" in prompt(scene, run_id)
    scene.work(second, FIX)
    scene.pump()
    proposed(scene, second)


def test_an_approval_does_not_outlive_the_requesters_right(scene: Scene) -> None:
    scene.profiles["fix"] = profile(autonomy="suggest")
    run_id = worked(scene)
    held(scene, run_id)
    writers(scene, "dora")
    scene.github.set_role(HELLO, "alice", "read")
    second = str(scene.comment("@bellhop approve", DORA).run_id)
    scene.pump()
    outcome = scene.outcome(second)
    assert isinstance(outcome, Refused)
    assert outcome.reason == "not_permitted"
    assert scene.branches() == []


@pytest.mark.parametrize("where", ["service.permission", "service.clone_url", "service.ensure_pull_request"])
def test_a_worker_that_dies_over_an_approved_result_leaves_one_outcome(scene: Scene, where: str) -> None:
    scene.profiles["fix"] = profile(autonomy="suggest")
    outcome = held(scene, worked(scene))
    second = str(scene.comment("@bellhop approve").run_id)
    scene.wakeup.calls.clear()
    with pytest.raises(Killed):
        start(mortal(scene.parts, Doom(where)), second)
    scene.recover()
    assert scene.github.branches(HELLO)[proposed(scene, second).branch] == outcome.binds
    assert scene.left() == []


def test_the_publisher_lets_nothing_out_that_nobody_has_approved(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.profiles["fix"] = profile(autonomy="suggest")
    monkeypatch.setattr("tasks.finishing.publish.why_held", lambda *_: None)
    run_id = worked(scene)
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Refused)
    assert outcome.reason == "not_approved"
    assert scene.branches() == []


def test_an_approval_is_no_way_past_a_pause(scene: Scene) -> None:
    scene.profiles["fix"] = profile(autonomy="suggest")
    outcome = held(scene, worked(scene))
    with scene.database.begin() as tx:
        pauses.pause(tx, "fix")
    second = str(scene.comment("@bellhop approve").run_id)
    scene.pump()
    sweep(scene.parts)
    scene.pump()
    assert (scene.run(second).state, scene.branches()) == ("queued", [])
    assert any("the operator has paused the profile fix" in body for body in said_by_bot(scene))
    with scene.database.begin() as tx:
        pauses.resume(tx, "fix")
    sweep(scene.parts)
    scene.pump()
    assert scene.github.branches(HELLO)[proposed(scene, second).branch] == outcome.binds


def say_yes(scene: Scene, **members: Any) -> str:
    """Have alice say yes in a way of her own, and return what the bot's answer says."""
    scene.deliveries += 1
    event = Event(
        source="github", delivery_key=f"delivery-{scene.deliveries}", thread="github:octo/hello#1", actor=ALICE, repo=REPO,
        url="https://github.invalid/octo/hello/issues/1", title="It breaks", number=1, **members,
    )
    with scene.database.begin() as tx:
        inbox_id = inbox.store(tx, event).id
    route(scene.parts, inbox_id)
    return said_by_bot(scene)[-1]


def test_a_button_counts_for_the_result_that_it_stands_beside_and_no_other(scene: Scene) -> None:
    scene.profiles["fix"] = profile(autonomy="suggest")
    run_id = worked(scene)
    outcome = held(scene, run_id)
    button = Ci(id=1, name="Bellhop / fix", conclusion="action_required", head_commit="a" * 40, external_id="an-earlier-run")
    for which in ("approve", "reject"):
        assert "the button is of another result" in say_yes(scene, kind="check_run.requested_action", button=which, ci=button)
    assert len(scene.all_runs()) == 1
    say_yes(scene, kind="check_run.requested_action", button="approve", ci=button.model_copy(update={"external_id": run_id}))
    scene.pump()
    [second] = [run.id for run in scene.all_runs() if run.id != run_id]
    assert scene.github.branches(HELLO)[proposed(scene, second).branch] == outcome.binds


def test_what_was_said_before_a_result_came_to_wait_counts_only_by_its_name(scene: Scene) -> None:
    scene.profiles["fix"] = profile(autonomy="suggest")
    outcome = held(scene, worked(scene))
    before = {"kind": "issue_comment.created", "occurred_at": "2020-01-01T00:00:00Z"}
    for which in ("approve", "reject"):
        assert f"it was said before {outcome.binds[:7]} came to wait here" in say_yes(scene, text=f"@bellhop {which}", **before)
    assert len(scene.all_runs()) == 1
    say_yes(scene, text=f"@bellhop approve {outcome.binds[:7]}", **before)
    assert len(scene.all_runs()) == 2


def test_the_button_of_a_suggestion_in_an_issue_stands_where_its_work_began(scene: Scene) -> None:
    scene.profiles["fix"] = profile(autonomy="suggest", signs={})
    run_id = worked(scene)
    outcome = held(scene, run_id)
    [check] = scene.github.repository(HELLO).check_runs.values()
    main = scene.github.branches(HELLO)["main"]
    assert (check.head_sha, check.conclusion, [each["identifier"] for each in check.actions]) == (main, "neutral", ["approve", "reject"])
    # As GitHub tells of it: of a commit and its branch, and not of the issue.
    pressed = Event(
        source="github", kind="check_run.requested_action", delivery_key="pressed", thread="github:octo/hello@main", actor=ALICE, repo=REPO,
        url="https://github.invalid/octo/hello/runs/1", title=check.name, button="approve", branch="main",
        ci=Ci(id=check.id, name=check.name, conclusion="neutral", head_commit=main, external_id=run_id),
    )
    elsewhere = pressed.model_copy(update={"delivery_key": "elsewhere", "repo": REPO.model_copy(update={"id": REPO.id + 1})})
    for each in (elsewhere, pressed):
        with scene.database.begin() as tx:
            inbox_id = inbox.store(tx, each).id
        route(scene.parts, inbox_id)
    scene.pump()
    [second] = [run.id for run in scene.all_runs() if run.id != run_id]
    assert scene.github.branches(HELLO)[proposed(scene, second).branch] == outcome.binds
    assert scene.run(second).event.number == 1
    settled = scene.github.repository(HELLO).check_runs[check.id]
    assert (settled.conclusion, settled.actions, settled.title) == ("neutral", [], "Answered")
