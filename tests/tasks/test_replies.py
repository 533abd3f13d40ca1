"""The one comment of a run: it always comes, it is edited in place, and it is not tried for ever."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from app.core.run import COMMENT
from app.emulators.github import Fault, issues
from app.emulators.github.person import issue_numbered, repository_named
from app.ledger import outbox
from app.ledger.outbox import Reply
from tasks.replying.replies import MAX_ATTEMPTS, MAX_HOPELESS_ATTEMPTS, deliver
from tasks.replying.waiting import backoff_seconds
from tasks.route import route
from tests.tasks.scene import Scene

FIX = {"README.md": "hello, world\n"}


def reply(scene: Scene, run_id: str) -> Reply:
    with scene.database.read() as tx:
        found = outbox.load(tx, run_id, COMMENT)
    assert found is not None
    return found


def due(scene: Scene) -> list[tuple[str, str]]:
    scene.later()
    with scene.database.read() as tx:
        return outbox.due(tx)


def test_the_comment_is_edited_in_place(scene: Scene) -> None:
    run_id = scene.routed()
    [first] = [(comment.id, comment.body) for comment in scene.comments()]
    scene.pump()
    scene.work(run_id, FIX)
    scene.pump()
    [last] = [(comment.id, comment.body) for comment in scene.comments()]
    assert last[0] == first[0]
    assert last[1] != first[1]
    assert reply(scene, run_id).url


def test_a_comment_that_somebody_deleted_is_made_again(scene: Scene) -> None:
    run_id = scene.started()
    world = scene.github.world
    with world.lock:
        repo, issue = repository_named(world, "octo/hello"), issue_numbered(world, "octo/hello", 1)
        issues.delete_comment(world, repo, issue, issue.user, issue.comments[0])
    assert scene.comments() == []
    scene.work(run_id, FIX)
    scene.pump()
    [comment] = scene.comments()
    assert "Pull request" in comment.body


def test_an_outcome_that_could_not_be_told_is_told_later(scene: Scene) -> None:
    run_id = scene.started()
    scene.work(run_id, FIX)
    scene.github.fault(Fault(path=r"/issues/comments/\d+$", method="PATCH", status=503, times=2))
    scene.pump()
    assert "Pull request" not in scene.comments()[0].body
    scene.recover(2)
    assert "Pull request" in scene.comments()[0].body
    assert due(scene) == []


def test_a_thread_that_takes_no_comment_is_given_up_and_a_newer_word_tries_again(scene: Scene) -> None:
    scene.github.fault(Fault(path=r"/issues/1/comments$", method="POST", status=403, body={"message": "locked"}, times=99))
    run_id = scene.routed()
    for _ in range(MAX_HOPELESS_ATTEMPTS):
        assert due(scene) in ([(run_id, COMMENT)], [])
        deliver(scene.parts, run_id)
    assert due(scene) == []
    assert scene.comments() == []
    scene.github.faults.clear()
    scene.pump()
    assert "the agent is working" in scene.comments()[0].body


def test_a_service_that_is_down_for_a_day_is_given_up(scene: Scene) -> None:
    run_id = scene.routed()
    with scene.database.begin() as tx:
        outbox.put(tx, run_id, COMMENT, "a newer word")
    scene.sql("UPDATE outbox SET attempts = :n", n=MAX_ATTEMPTS - 2)
    scene.github.fault(Fault(path=r"/issues/1/comments$", method="GET", status=503, times=99))
    deliver(scene.parts, run_id)
    assert due(scene) == [(run_id, COMMENT)]
    deliver(scene.parts, run_id)
    assert due(scene) == []


def test_a_reply_that_breaks_our_own_code_is_counted_and_does_not_raise(scene: Scene) -> None:
    class Broken:
        def upsert_comment(self, *args: Any) -> str:
            raise KeyError("ghs_abcdefghijklmnopqrstuvwxyz0123456789")

    run_id = scene.routed()
    with scene.database.begin() as tx:
        outbox.put(tx, run_id, COMMENT, "a newer word")
    service: Any = Broken()
    deliver(replace(scene.parts, services={"github": service}), run_id)
    assert reply(scene, run_id).attempts == 1
    with scene.database.read() as tx:
        assert tx.exec_driver_sql("SELECT last_error FROM outbox").scalar_one() == "KeyError"
    assert scene.github.live_tokens() == []


def test_a_word_put_while_another_is_delivered_is_delivered_too(scene: Scene) -> None:
    run_id = scene.routed()
    service = scene.parts.services["github"]
    said = iter(["second", "third"])

    class Slow:
        def upsert_comment(self, *args: Any) -> str:
            url = service.upsert_comment(*args)
            if (word := next(said, None)) is not None:
                with scene.database.begin() as tx:
                    outbox.put(tx, run_id, COMMENT, word)
            return url

    with scene.database.begin() as tx:
        outbox.put(tx, run_id, COMMENT, "first")
    slow: Any = Slow()
    deliver(replace(scene.parts, services={"github": slow}), run_id)
    [comment] = scene.comments()
    assert comment.body.startswith("third")
    assert due(scene) == []


def test_a_run_by_hand_has_no_thread_to_tell(scene: Scene) -> None:
    inbox_id = scene.ring(number=None)
    route(scene.parts, inbox_id)
    assert due(scene) == []
    assert len(scene.all_runs()) == 1


def test_waits_double_up_to_ten_minutes_unless_the_service_says_how_long() -> None:
    assert [backoff_seconds(attempt) for attempt in (1, 2, 3, 8, 100)] == [5, 10, 20, 600, 600]
    assert backoff_seconds(1, 3600) == 3600
    assert backoff_seconds(9, 0) == 1
    # R26: a limit that does not say how long is a minute, then two, four, and an hour at most.
    assert [backoff_seconds(attempt, 60.0, is_stated=False) for attempt in (1, 2, 3, 9)] == [60, 120, 240, 3600]
