"""R25, R26, R30: GitHub acts and does not say so, asks us to wait, or takes a right away in the middle."""

from __future__ import annotations

import time

import pytest

from app.core.outcome import Failed, PullRequest, Refused
from app.core.run import COMMENT
from app.emulators.github import Fault
from app.execute.sandboxes.fake import FakeSandboxes
from app.ledger import outbox, pace
from tasks.finish import finish
from tasks.leased import MAX_ATTEMPTS
from tasks.replying.replies import deliver
from tasks.route import route
from tasks.start import start
from tasks.sweep import sweep
from tests.tasks.scene import Scene

FIX = {"README.md": "hello, world\n"}
PUSH = r"/git-receive-pack$"
PULLS = r"/repos/octo/hello/pulls$"
COMMENTS = r"/issues/1/comments$"


def ready_to_publish(scene: Scene) -> str:
    run_id = scene.started()
    scene.work(run_id, FIX)
    scene.wakeup.calls.clear()
    return run_id


@pytest.mark.parametrize("path", [PUSH, PULLS])
@pytest.mark.parametrize("answer", [{"status": 502}, {"drop": True}])
def test_r25_an_answer_that_is_lost_after_the_act_is_looked_up(scene: Scene, path: str, answer: dict[str, object]) -> None:
    run_id = ready_to_publish(scene)
    scene.github.fault(Fault.model_validate({"path": path, "method": "POST", "when": "after", **answer}))
    finish(scene.parts, run_id)
    assert scene.github.faults.remaining == []
    assert len(scene.branches()) == 1
    assert scene.github.live_tokens() == []
    if scene.run(run_id).state != "done":  # git's own transport repeats a push whose connection was dropped
        assert scene.run(run_id).state == "publishing"
        assert 4 < scene.waits_seconds("runs", id=run_id) <= 5
    scene.later()
    finish(scene.parts, run_id)
    assert isinstance(scene.outcome(run_id), PullRequest)
    assert (len(scene.branches()), len(scene.github.pull_requests("octo/hello")), len(scene.comments())) == (1, 1, 1)


@pytest.mark.parametrize("answer", [{"status": 502}, {"drop": True}])
def test_r25_a_comment_that_stands_without_an_answer_is_found_again(scene: Scene, answer: dict[str, object]) -> None:
    scene.github.fault(Fault.model_validate({"path": COMMENTS, "method": "POST", "when": "after", **answer}))
    run_id = scene.routed()
    assert scene.github.faults.remaining == []
    [comment] = scene.comments()
    assert 4 < scene.waits_seconds("outbox", run_id=run_id) <= 5
    scene.later()
    scene.comment("@bellhop stop")
    scene.pump()
    scene.recover(1)
    [still] = scene.comments()
    assert (still.id, "Stopped" in still.body) == (comment.id, True)


@pytest.mark.parametrize(
    ("path", "method"), [(r"/access_tokens$", "POST"), (r"/branches/main$", "GET"), (r"/git-upload-pack$", "POST")]
)
def test_r26_a_rate_limit_while_starting_is_waited_out(scene: Scene, path: str, method: str) -> None:
    run_id = scene.routed()
    scene.github.fault(Fault(path=path, method=method, status=429, headers={"retry-after": "300"}))
    start(scene.parts, run_id)
    wait_seconds = scene.waits_seconds("runs", id=run_id)
    if "upload-pack" not in path:  # git does not hand the header on
        assert 299 < wait_seconds <= 300
    assert wait_seconds > 0
    for _ in range(2):  # R36: repeated wake-ups do not ask sooner
        start(scene.parts, run_id)
    scene.recover(2)
    assert scene.run(run_id).state == "running"


def test_r26_a_rate_limit_while_publishing_is_waited_out_and_the_intent_stays(scene: Scene) -> None:
    run_id = ready_to_publish(scene)
    scene.github.fault(Fault(path=PULLS, method="POST", status=403, headers={"retry-after": "120"}))
    finish(scene.parts, run_id)
    assert 119 < scene.waits_seconds("runs", id=run_id) <= 120
    finish(scene.parts, run_id)
    assert scene.github.pull_requests("octo/hello") == []
    scene.recover(1)
    assert isinstance(scene.outcome(run_id), PullRequest)


def test_r26_what_github_asks_on_a_comment_is_asked_of_the_runs_own_calls_too(scene: Scene) -> None:
    scene.github.person("bob").open_issue("octo/hello", "Another one")
    scene.github.fault(Fault(path=COMMENTS, method="POST", status=429, headers={"retry-after": "200"}))
    run_id = scene.routed()
    nothing = Fault(path="/api/v3/", status=500, times=1000)
    scene.github.fault(nothing)
    start(scene.parts, run_id)
    deliver(scene.parts, run_id)
    route(scene.parts, scene.ring(number=2))
    sweep(scene.parts)
    # Not one request: not for a token, a start, a comment, an event's questions, or the token that was left over.
    assert scene.github.faults.remaining == [(nothing, 1000)]
    assert (scene.run(run_id).state, scene.run(run_id).attempts) == ("starting", 0)
    assert 195 < scene.waits_seconds("runs", id=run_id) <= 200
    scene.github.faults.clear()
    scene.recover(2)
    assert (scene.run(run_id).state, len(scene.comments())) == ("running", 1)
    assert scene.github.live_tokens() == []


def test_r26_a_run_that_waits_for_its_turn_uses_up_no_attempts(scene: Scene) -> None:
    run_id = ready_to_publish(scene)
    scene.github.fault(Fault(path=PULLS, method="POST", status=403, headers={"retry-after": "120"}))
    finish(scene.parts, run_id)
    for _ in range(MAX_ATTEMPTS + 1):
        scene.sql("UPDATE runs SET lease_until_ms = 0, next_at_ms = 0")
        finish(scene.parts, run_id)
    assert scene.run(run_id).state == "publishing"
    scene.recover(1)
    assert isinstance(scene.outcome(run_id), PullRequest)


def test_r26_nothing_more_is_asked_once_github_says_that_no_requests_are_left(scene: Scene) -> None:
    said = {"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time.time()) + 300)}
    answer = {"id": 1, "html_url": "https://github.invalid/octo/hello/issues/1#issuecomment-1", "body": "", "user": {"login": "bellhop[bot]"}}
    scene.github.fault(Fault(path=COMMENTS, method="POST", status=201, body=answer, headers=said))
    run_id = scene.routed()
    scene.github.fault(Fault(path="/api/v3/", status=500, times=1000))
    start(scene.parts, run_id)
    assert scene.github.faults.remaining[0][1] == 1000
    assert 290 < scene.waits_seconds("runs", id=run_id) <= 300


def test_r26_a_run_starts_and_publishes_while_few_requests_are_left(scene: Scene) -> None:
    run_id = scene.routed()
    with scene.database.begin() as tx:
        pace.slow_down(tx, "github 55", 40, 2000)
    start(scene.parts, run_id)
    assert scene.run(run_id).state == "running"
    scene.work(run_id, FIX)
    scene.wakeup.calls.clear()
    # Its turn to begin comes again.
    scene.sql("UPDATE pace SET next_begin_at_ms = 0")
    finish(scene.parts, run_id)
    if scene.run(run_id).state == "publishing":
        scene.sql("UPDATE pace SET next_begin_at_ms = 0")
        scene.later()
        finish(scene.parts, run_id)
    assert isinstance(scene.outcome(run_id), PullRequest)


def test_r26_a_rate_limit_holds_all_that_is_to_be_said_with_that_installations_tokens(scene: Scene) -> None:
    scene.github.person("bob").open_issue("octo/hello", "Another one")
    other = scene.ring(number=2)
    route(scene.parts, other)
    other_run = scene.entry(other).run_id
    assert other_run is not None
    scene.github.fault(Fault(path=COMMENTS, method="POST", status=403, headers={"retry-after": "200"}))
    first = scene.routed()
    nothing = Fault(path="/api/v3/", status=500, times=1000)
    scene.github.fault(nothing)
    with scene.database.begin() as tx:
        outbox.put(tx, other_run, COMMENT, "Said meanwhile.")
    deliver(scene.parts, other_run)
    sweep(scene.parts)
    # Nobody has asked GitHub for the second, whose own time has come.
    assert scene.github.faults.remaining == [(nothing, 1000)]
    assert scene.waits_seconds("outbox", run_id=other_run) <= 0
    assert 195 < scene.waits_seconds("outbox", run_id=first) <= 200
    scene.github.faults.clear()
    scene.later()
    for run_id in (first, other_run):
        deliver(scene.parts, run_id)
    assert (len(scene.comments(1)), scene.comments(2)[0].body.startswith("Said meanwhile.")) == (1, True)


def test_r26_a_limit_that_does_not_say_how_long_is_waited_out_twice_as_long_each_time(scene: Scene) -> None:
    said = {"message": "You have exceeded a secondary rate limit"}
    scene.github.fault(Fault(path=COMMENTS, method="POST", status=403, body=said, times=2))
    run_id = scene.routed()
    assert 58 < scene.waits_seconds("outbox", run_id=run_id) <= 60
    scene.later()
    deliver(scene.parts, run_id)
    assert 118 < scene.waits_seconds("outbox", run_id=run_id) <= 120


def test_github_that_stays_down_while_publishing_is_given_up_with_its_reason(scene: Scene) -> None:
    run_id = ready_to_publish(scene)
    scene.github.fault(Fault(path=PULLS, method="POST", status=500, times=1000))
    finish(scene.parts, run_id)  # as `collecting`, which it was until there was something to publish
    for _ in range(MAX_ATTEMPTS - 1):
        scene.later()
        finish(scene.parts, run_id)
        assert scene.run(run_id).state == "publishing"
    scene.later()
    finish(scene.parts, run_id)
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Failed)
    assert outcome.reason == "github_down"
    scene.recover(1)
    assert "That did not work" in scene.comments()[0].body
    assert scene.left() == []


def test_an_engine_that_is_away_is_waited_for(scene: Scene) -> None:
    run_id = scene.routed()
    backend = scene.backend
    assert isinstance(backend, FakeSandboxes)
    backend.kind = "unavailable"
    for _ in range(5):
        scene.later()
        start(scene.parts, run_id)
    backend.kind = "never_ends"
    scene.recover(1)
    assert scene.run(run_id).state == "running"


def test_r30_who_lost_the_right_while_the_agent_worked_publishes_nothing(scene: Scene) -> None:
    run_id = ready_to_publish(scene)
    scene.github.set_role("octo/hello", "alice", "read")
    finish(scene.parts, run_id)
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Refused)
    assert outcome.reason == "not_permitted"
    assert (scene.branches(), scene.github.pull_requests("octo/hello")) == ([], [])
    assert "may no longer write" in scene.comments()[0].body
    assert scene.left() == []


def test_r30_an_app_that_was_taken_away_ends_the_run(scene: Scene) -> None:
    run_id = ready_to_publish(scene)
    scene.github.uninstall(55)
    finish(scene.parts, run_id)
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Failed)
    assert outcome.reason == "app_not_installed"
    assert scene.branches() == []
    assert scene.left() == []


def test_a_token_that_cannot_be_revoked_does_not_undo_the_work(scene: Scene) -> None:
    run_id = ready_to_publish(scene)
    scene.github.fault(Fault(path="/installation/token", method="DELETE", status=403, body={"message": "no"}, times=9))
    finish(scene.parts, run_id)
    assert isinstance(scene.outcome(run_id), PullRequest)
    with scene.database.read() as tx:
        verdicts = tx.exec_driver_sql("SELECT verdict FROM audit WHERE action = 'revoke publish'").scalars().all()
    assert verdicts == ["app_forbidden"]
