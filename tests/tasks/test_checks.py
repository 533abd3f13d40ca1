"""What stands beside a run's comment: its check on a commit, a reaction as receipt, and how far it is."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from app.core.event import REVIEW
from app.core.outcome import Failed, Message, Outcome, PullRequest, Refused, VerifyResult
from app.core.showing.check import Conclusion, check_name, ending
from app.core.showing.progress import progress_in_words, shown_minutes
from app.core.showing.receipt import Receipt, receipt_for
from app.emulators.github import Fault
from app.emulators.github.state import CheckRun
from app.ledger import outbox
from tasks.replying.replies import deliver_all, tell
from tasks.route import route
from tasks.start import start
from tests.app.core.test_decide import event
from tests.tasks.scene import Scene, profile

HELLO, FIX = "octo/hello", {"README.md": "hello, world\n"}
PASSED = VerifyResult(command="true", passed=True, exit_code=0, duration_ms=1)


@pytest.fixture
def signing(scene: Scene) -> Scene:
    """A Bellhop whose runs have checks and reactions."""
    scene.profiles["fix"] = profile(signs={})
    return scene


def checks(scene: Scene) -> list[CheckRun]:
    return list(scene.github.repository(HELLO).check_runs.values())


def reactions(scene: Scene) -> dict[str, list[str]]:
    return {on: [one.content for one in those] for on, those in scene.github.repository(HELLO).reactions.items()}


def asked(scene: Scene, number: int, *, comment_id: int | None = None) -> str:
    said = {"kind": "issue_comment.created", "said": "@bellhop mend it", "number": number, "is_pull_request": True}
    inbox_id = scene.ring(**said, comment_id=comment_id)  # type: ignore[arg-type] # one dictionary for all
    route(scene.parts, inbox_id)
    run_id = scene.entry(inbox_id).run_id
    assert run_id is not None, scene.entry(inbox_id)
    return run_id


def pull(scene: Scene) -> int:
    alice = scene.github.person("alice")
    alice.push(HELLO, "feature", {"app.py": "print(1)\n"})
    return alice.open_pull(HELLO, "feature", "A feature").number


def test_what_is_published_has_a_check_by_the_runs_own_id(signing: Scene) -> None:
    run_id = signing.started()
    assert checks(signing) == []  # an issue has no commit of its own
    signing.work(run_id, FIX)
    # GitHub makes it, and the answer is lost.
    signing.github.fault(Fault(path=r"/check-runs$", method="POST", when="after", drop=True))
    signing.pump()
    signing.recover(2)
    [made] = checks(signing)
    [branch] = signing.branches()
    assert made.head_sha == signing.github.branches(HELLO)[branch]
    assert (made.name, made.external_id, made.status) == ("Bellhop / fix", run_id, "completed")
    # Nobody has verified it, which is no success.
    assert (made.conclusion, made.title) == ("neutral", "Proposed, and not verified")


def test_a_run_in_a_pull_request_shows_on_its_head_from_the_beginning(signing: Scene) -> None:
    number = pull(signing)
    head = signing.github.branches(HELLO)["feature"]
    run_id = asked(signing, number)
    [made] = checks(signing)
    assert (made.head_sha, made.external_id, made.conclusion) == (head, run_id, None)
    start(signing.parts, run_id)
    assert (made.status, made.title) == ("in_progress", "the agent is working")
    signing.work(run_id, FIX)
    signing.pump()
    assert [(each.status, each.head_sha == head) for each in checks(signing)] == [("completed", True), ("completed", False)]


def test_a_run_whose_worker_died_ends_its_check_too(signing: Scene) -> None:
    number = pull(signing)
    run_id = asked(signing, number)
    start(signing.parts, run_id)
    signing.sql("UPDATE runs SET host = 'gone', lease_until_ms = 0")
    signing.sql("INSERT INTO hosts (name, seen_at_ms) VALUES ('gone', 0)")
    signing.recover(1)
    [made] = checks(signing)
    assert (made.status, made.conclusion) == ("completed", "failure")


def test_r30_without_the_permission_there_is_one_warning_and_the_comment_goes(
    signing: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    number = pull(signing)
    signing.github.set_installation_permissions(55, {"contents": "write", "issues": "write", "pull_requests": "write"})
    run_id = asked(signing, number)
    start(signing.parts, run_id)
    signing.work(run_id)
    signing.pump()
    signing.recover(2)
    assert checks(signing) == []
    assert "changed nothing" in signing.comments(number)[0].body
    out = capsys.readouterr().out
    assert out.count("reply_given_up") == 1, out
    with signing.database.read() as tx:
        assert outbox.due(tx) == []


def test_a_profile_may_go_without(signing: Scene) -> None:
    signing.profiles["fix"] = profile(signs={"check-run": False, "reaction": False})
    run_id = asked(signing, pull(signing), comment_id=1)
    start(signing.parts, run_id)
    assert (checks(signing), reactions(signing)) == ([], {})


def test_what_rang_and_what_is_said_later_are_reacted_to_once(signing: Scene) -> None:
    run_id = signing.routed()
    assert reactions(signing) == {"issue 1": ["eyes"]}
    comment = signing.github.person("alice").comment(HELLO, 1, "and this")
    inbox_id = signing.ring(kind="issue_comment.created", said="and this", comment_id=comment.id)
    signing.github.fault(Fault(path=r"/reactions$", method="POST", when="after", drop=True))
    route(signing.parts, inbox_id)
    signing.recover(2)
    assert reactions(signing) == {"issue 1": ["eyes"], f"comment {comment.id}": ["eyes"]}
    with signing.database.read() as tx:
        assert outbox.due(tx) == []
    assert signing.run(run_id).state != "done"


def test_a_reaction_that_cannot_be_put_on_harms_nobody(signing: Scene) -> None:
    signing.github.fault(Fault(path=r"/reactions$", method="POST", status=404, body={"message": "Not Found"}, times=99))
    run_id = signing.started()
    signing.work(run_id, FIX)
    signing.pump()
    assert "Pull request" in signing.comments()[0].body
    with signing.database.read() as tx:
        assert outbox.undelivered(tx, run_id) == []


def test_r26_how_far_a_run_is_is_said_seldom(scene: Scene) -> None:
    run_id = scene.started()

    def said_after(minutes: int) -> tuple[str, int]:
        with scene.database.begin() as tx:
            tx.execute(text("UPDATE runs SET created_at_ms = updated_at_ms - :ms"), {"ms": minutes * 60_000})
        tell(scene.parts, run_id)
        deliver_all(scene.parts, run_id)
        with scene.database.read() as tx:
            reply = outbox.load(tx, run_id, "comment")
        assert reply is not None
        return scene.comments()[0].body, reply.version

    before = said_after(0)
    assert "min." not in before[0]
    third = said_after(3)
    assert "After 3 min." in third[0]
    # Nothing is edited until the next time that it is said.
    assert said_after(4) == third
    assert "After 5 min." in said_after(6)[0]


@pytest.mark.parametrize(("outcome", "conclusion"), [
    (PullRequest(url="u", number=1, branch="b", title="t", verify=PASSED), "success"),
    (PullRequest(url="u", number=1, branch="b", title="t", verify=PASSED, draft=True), "action_required"),
    (PullRequest(url="u", number=1, branch="b", title="t", verify=PASSED.model_copy(update={"passed": False}), draft=True), "failure"),
    (PullRequest(url="u", number=1, branch="b", title="t"), "neutral"),
    (Message(text="m"), "neutral"), (Refused(reason="cancelled", text="t"), "cancelled"),
    (Refused(reason="protected", text="t"), "action_required"), (Failed(reason="lost", text="t"), "failure"),
])
def test_only_what_was_verified_and_is_ready_is_a_success(outcome: Outcome, conclusion: Conclusion) -> None:
    assert ending(outcome)[1] == conclusion


def test_the_checks_name_is_the_profiles() -> None:
    assert check_name("fix") == "Bellhop / fix"


@pytest.mark.parametrize(("minutes", "shown"), [(0, 0), (1, 1), (4, 3), (7, 5), (29, 20), (31, 30), (59, 30), (60, 60), (200, 180)])
def test_the_minutes_that_are_shown(minutes: int, shown: int) -> None:
    assert shown_minutes(minutes * 60_000 + 59_000) == shown


def test_progress_in_words() -> None:
    assert progress_in_words(0, 3, "$1.00") == ""
    assert progress_in_words(3, 0, "") == "After 3 min."
    assert progress_in_words(5, 12, "$0.42") == "After 5 min; 12 turns of the model, $0.42."


@pytest.mark.parametrize(("kind", "more", "receipt"), [
    ("issues.labeled", {"number": 7}, Receipt(on="issue", id=7)),
    ("issue_comment.created", {"number": 7, "comment_id": 9}, Receipt(on="issue_comment", id=9)),
    ("pull_request_review_comment.created", {"number": 7, "comment_id": 9, "is_pull_request": True},
     Receipt(on="review_comment", id=9, in_pull=True)),
    ("pull_request.review_requested", {"number": 7, "is_pull_request": True}, Receipt(on="issue", id=7, in_pull=True)),
    (REVIEW, {"number": 7, "is_pull_request": True}, None), ("workflow_run.completed", {"number": 7}, None), ("by_hand", {}, None),
])
def test_what_is_reacted_to(kind: str, more: dict[str, Any], receipt: Receipt | None) -> None:
    assert receipt_for(event(kind, **more)) == receipt
