"""Offers on people's pull requests: made for what events tell, once for each head, and what a press of one comes to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.core.event import Actor, Ci, Event, Pull
from app.core.outcome import PullRequest, Refused
from app.core.showing.offers import OpenPull, is_red_build, is_somebody_elses, is_stale
from app.emulators.github import Fault
from app.emulators.github.state import CheckRun
from app.ledger import inbox
from tasks.replying.offers import tell_offers
from tasks.route import route
from tasks.start import start
from tests.app.core.test_decide import event
from tests.github_at_work import REPO
from tests.tasks.scene import ALICE, BOB, Scene, profile

HELLO = "octo/hello"


@pytest.fixture
def offering(scene: Scene) -> Scene:
    """A Bellhop that offers to see to everything."""
    scene.profiles["fix"] = profile(offer={"for": ["conflict", "red-build", "stale"]})
    return scene


def came(scene: Scene, kind: str, **members: Any) -> inbox.Entry:
    """Put an event about the pull request on file, route it, tell what is offered, and return its row."""
    scene.deliveries += 1
    said = {
        "source": "github", "kind": kind, "delivery_key": f"delivery-{scene.deliveries}", "thread": "github:octo/hello@feature",
        "actor": BOB, "repo": REPO, "url": "https://github.invalid/octo/hello", "title": "CI", "number": 2, "is_pull_request": True,
    }
    with scene.database.begin() as tx:
        inbox_id = inbox.store(tx, Event.model_validate(said | members)).id
    route(scene.parts, inbox_id)
    tell_offers(scene.parts, "here")
    return scene.entry(inbox_id)


def checks(scene: Scene) -> list[CheckRun]:
    return [each for each in scene.github.repository(HELLO).check_runs.values() if each.name == "Bellhop: an offer"]


def pull(scene: Scene) -> str:
    """Alice's pull request, whose build fails and which conflicts; return its head."""
    alice = scene.github.person("alice")
    alice.push(HELLO, "feature", {"README.md": "hello, alice\n"})
    alice.open_pull(HELLO, "feature", "A feature")
    alice.push(HELLO, "main", {"README.md": "hello, all\n", "other.txt": "other\n"})
    return scene.github.branches(HELLO)["feature"]


def red(head: str, **members: Any) -> Ci:
    return Ci(**{"id": 5, "name": "tests", "conclusion": "failure", "head_commit": head, "head_branch": "feature", "head_repo_id": REPO.id} | members)


def test_a_red_build_is_offered_once_and_nothing_is_started(offering: Scene) -> None:
    head = pull(offering)
    offering.github.fault(Fault(path=r"/check-runs$", method="POST", when="after", drop=True))
    for _ in range(2):
        assert came(offering, "workflow_run.completed", ci=red(head)).state == "ignored"
    came(offering, "check_suite.completed", ci=red(head, id=6, head_repo_id=None))
    offering.sql("UPDATE offers SET next_at_ms = 0")
    tell_offers(offering.parts, "here")
    [check] = checks(offering)
    assert (check.head_sha, check.conclusion, [each["identifier"] for each in check.actions]) == (head, "neutral", ["fix"])
    assert offering.all_runs() == []


@pytest.mark.parametrize("build", [
    {"ci": {"conclusion": "success"}}, {"ci": {"head_branch": "bellhop/abc"}}, {"ci": {"head_repo_id": 9}},
    {"number": None, "branch": None}, {"number": None, "ci": {"head_repo_id": None}}, {"actor": {"id": "1", "login": "bellhop[bot]", "kind": "bot"}}, {"kind": "check_run.completed"},
])
def test_what_is_no_red_build_of_a_persons_is_offered_nothing(build: dict[str, Any]) -> None:
    told = event("workflow_run.completed", number=7).model_dump() | {"ci": red("a" * 40, head_repo_id=1).model_dump()}
    assert is_red_build(Event.model_validate(told), "bellhop[bot]")
    changed = told | build | {"ci": told["ci"] | build.get("ci", {})}
    assert not is_red_build(Event.model_validate(changed), "bellhop[bot]")


def of_branch(scene: Scene, head: str, kind: str, **members: Any) -> inbox.Entry:
    """Let something come in about a branch that has no pull request."""
    said = {"number": None, "is_pull_request": False, "branch": "feature", "ci": red(head), "thread": f"github:{HELLO}@feature"}
    return came(scene, kind, **said | members)


def test_t11_a_press_on_a_branch_counts_for_the_commit_that_its_build_was_of(offering: Scene) -> None:
    alice = offering.github.person("alice")
    for head in (alice.push(HELLO, "feature", {"app.py": "1\n"}), alice.push(HELLO, "feature", {"app.py": "2\n"})):
        of_branch(offering, head, "workflow_run.completed")
    old, new = (each.head_sha for each in sorted(checks(offering), key=lambda each: each.id))
    moved = of_branch(offering, old, "check_run.requested_action", button="fix", actor=ALICE)
    assert "head_moved" in (moved.decision or "")
    alice.delete_branch(HELLO, "feature")
    assert "the branch is gone" in (of_branch(offering, new, "check_run.requested_action", button="fix", actor=ALICE).decision or "")
    assert offering.all_runs() == []


def test_a_branch_that_has_a_pull_request_by_then_is_worked_on_there(offering: Scene) -> None:
    head = pull(offering)
    of_branch(offering, head, "workflow_run.completed")
    number = offering.github.pull_requests(HELLO)[-1].number
    came(offering, "workflow_run.completed", ci=red(head, id=6, name="lint"), number=number, thread=f"github:{HELLO}#{number}", branch="feature")
    [check] = checks(offering)
    assert (check.summary or "").startswith(f"#{number}: Its build has failed.")
    pressed = came(offering, "check_run.requested_action", ci=red(head), button="fix", actor=ALICE, number=number)
    assert pressed.run_id is not None, pressed
    run = offering.run(pressed.run_id)
    assert (run.thread, run.event.number, run.event.ci and run.event.ci.name) == (f"github:{HELLO}#{number}", number, "tests")


def test_t12_nothing_is_offered_to_forks_and_for_branches_of_bellhops_own() -> None:
    theirs = Pull(number=1, state="open", head_repo_id=5, head_ref="feature", head_commit="a" * 40, base_ref="main")
    assert is_somebody_elses(theirs, 5)
    for other in ({"head_repo_id": 6}, {"head_repo_id": None}, {"head_ref": "bellhop/abc"}, {"state": "closed"}):
        assert not is_somebody_elses(theirs.model_copy(update=other), 5)


def test_what_rests_for_long_and_is_ready_is_stale() -> None:
    resting = OpenPull(
        pull=Pull(number=1, state="open", head_repo_id=5, head_ref="f", head_commit="a" * 40, base_ref="main"),
        title="t", url="u", is_draft=False, updated_at="2026-01-01T00:00:00Z",
    )
    assert is_stale(resting, 14, datetime(2026, 1, 16, tzinfo=UTC))
    assert not is_stale(resting, 14, datetime(2026, 1, 15, tzinfo=UTC))
    assert not is_stale(resting.model_copy(update={"is_draft": True}), 14, datetime(2027, 1, 1, tzinfo=UTC))
    assert not is_stale(resting.model_copy(update={"updated_at": "soon"}), 14, datetime(2027, 1, 1, tzinfo=UTC))


def test_t7_a_press_by_somebody_who_may_not_is_told_once(offering: Scene) -> None:
    head = pull(offering)
    came(offering, "workflow_run.completed", ci=red(head))
    [check] = checks(offering)
    for who in (BOB, BOB, Actor(id="666", login="mallory", kind="person")):
        pressed = came(offering, "check_run.requested_action", ci=red(head, id=check.id), button="fix", actor=who)
        assert "not_permitted" in (pressed.decision or "")
        assert (check.summary or "").count("bob has pressed it") == 1
        assert "mallory" not in (check.summary or "")
    assert offering.all_runs() == []


def test_a_press_that_nothing_was_offered_for_starts_nothing(offering: Scene) -> None:
    head = pull(offering)
    pressed = came(offering, "check_run.requested_action", ci=red(head), button="fix", actor=ALICE)
    assert "no_profile" in (pressed.decision or "")


def conflict(scene: Scene) -> str:
    """Offer on a pull request that conflicts, have alice press, and return the run."""
    head = pull(scene)
    scene.profiles["fix"] = profile(offer={"for": ["red-build"]})
    came(scene, "workflow_run.completed", ci=red(head))
    scene.profiles["fix"] = profile(offer={"for": ["conflict"]})
    scene.sql("UPDATE offers SET frictions = 'conflict'")
    pressed = came(scene, "check_run.requested_action", ci=red(head), button="fix", actor=ALICE)
    assert pressed.run_id is not None, pressed
    start(scene.parts, pressed.run_id)
    return pressed.run_id


def test_a_conflict_that_is_left_is_a_draft_and_what_is_not_resolved_is_not_claimed(scene: Scene) -> None:
    run_id = conflict(scene)
    run = scene.run(run_id)
    assert run.base_commit is not None
    scene.work(run_id, {"other.txt": "mine\n"})
    scene.pump()
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, PullRequest)
    assert outcome.draft
    assert any("still holds conflict markers: README.md" in each for each in outcome.warnings)
    # What the agent did to the other side's file is in sight: the changes are those to git's own merge.
    body = scene.github.pull_requests(HELLO)[-1].body or ""
    assert "- `other.txt` (" in body
    assert "- `README.md` (" not in body


def test_a_conflict_that_is_gone_is_said_to_be(offering: Scene) -> None:
    head = pull(offering)
    came(offering, "workflow_run.completed", ci=red(head))
    offering.sql("UPDATE offers SET frictions = 'conflict'")
    offering.github.person("alice").push(HELLO, "main", {"README.md": "hello\n"})
    pressed = came(offering, "check_run.requested_action", ci=red(head), button="fix", actor=ALICE)
    assert pressed.run_id is not None, pressed
    start(offering.parts, pressed.run_id)
    outcome = offering.outcome(pressed.run_id)
    assert isinstance(outcome, Refused)
    assert outcome.reason == "no_conflict"
