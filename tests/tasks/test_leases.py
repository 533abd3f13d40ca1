"""R32, R36: a worker that was overtaken does nothing more outside, and repeated wake-ups change nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from app.core.outcome import Failed, PullRequest
from app.ledger import runs
from app.settings import Settings
from tasks.finish import finish
from tasks.leased import MAX_ATTEMPTS, advance
from tasks.parts import Parts
from tasks.route import route
from tasks.start import start
from tests.tasks.scene import Scene

FIX = {"README.md": "hello, world\n"}


class Pausing:
    """Stands for an object of which one call takes so long that the world goes on without its worker."""

    def __init__(self, real: Any, name: str, meanwhile: Callable[[], None]) -> None:
        self._real, self._name, self._meanwhile = real, name, meanwhile

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name != self._name:
            return found

        def paused(*args: Any, **kwargs: Any) -> Any:
            done = found(*args, **kwargs)
            self._meanwhile()
            return done

        return paused


def overtaken(scene: Scene, work: Callable[[Parts, str], None], run_id: str) -> Callable[[], None]:
    def meanwhile() -> None:
        scene.later()
        work(scene.parts, run_id)

    return meanwhile


@pytest.mark.parametrize("call", ["permission", "clone_url"])
def test_r32_a_publisher_that_was_overtaken_pushes_and_opens_nothing(scene: Scene, call: str) -> None:
    run_id = scene.started()
    scene.work(run_id, FIX)

    def taken_over() -> None:
        scene.later()
        with scene.database.begin() as tx:
            assert runs.take(tx, run_id, "another", 60)

    service: Any = Pausing(scene.parts.services["github"], call, taken_over)
    slow = replace(scene.parts, services={"github": service})
    if call == "clone_url":  # the last call before the push: the push may still happen, the pull request may not
        finish(slow, run_id)
        assert scene.github.pull_requests("octo/hello") == []
    else:
        finish(slow, run_id)
        assert scene.branches() == []
    assert scene.run(run_id).state == "publishing"
    assert scene.github.live_tokens() == []
    scene.recover(1)
    assert isinstance(scene.outcome(run_id), PullRequest)


def test_r32_two_workers_that_both_publish_make_one_of_everything(scene: Scene) -> None:
    run_id = scene.started()
    scene.work(run_id, FIX)
    service: Any = Pausing(scene.parts.services["github"], "ensure_pull_request", overtaken(scene, finish, run_id))
    finish(replace(scene.parts, services={"github": service}), run_id)
    assert isinstance(scene.outcome(run_id), PullRequest)
    assert (len(scene.branches()), len(scene.github.pull_requests("octo/hello")), len(scene.comments())) == (1, 1, 1)


def test_r32_a_starter_that_was_overtaken_creates_no_sandbox(scene: Scene) -> None:
    run_id = scene.routed()

    def taken_over() -> None:
        scene.later()
        with scene.database.begin() as tx:
            assert runs.take(tx, run_id, "another", 60)

    gateway: Any = Pausing(scene.parts.gateway, "open", taken_over)
    start(replace(scene.parts, gateway=gateway), run_id)
    assert scene.backend.created == []
    scene.recover(1)
    assert scene.backend.created == [f"{run_id}-work"]


def test_r32_a_reply_whose_hold_ran_out_is_left_to_the_next(scene: Scene) -> None:
    inbox_id = scene.ring()

    def held_too_long() -> None:
        scene.sql("UPDATE outbox SET held_until_ms = 0")

    minter: Any = Pausing(scene.parts.minter, "mint", held_too_long)
    route(replace(scene.parts, minter=minter), inbox_id)
    assert scene.comments() == []
    scene.recover(1)
    assert len(scene.comments()) == 1


def test_r36_start_woken_again_and_again_leaves_a_running_agent_alone(scene: Scene) -> None:
    run_id = scene.started()
    for _ in range(2 * MAX_ATTEMPTS):
        start(scene.parts, run_id)
        finish(scene.parts, run_id)
    assert scene.run(run_id).state == "running"
    assert scene.backend.created == [f"{run_id}-work"]
    assert scene.backend.destroyed == []


def test_r36_finish_woken_again_does_nothing_twice(scene: Scene) -> None:
    run_id = scene.started()
    scene.work(run_id, FIX)
    for _ in range(3):
        finish(scene.parts, run_id)
        start(scene.parts, run_id)
    assert isinstance(scene.outcome(run_id), PullRequest)
    assert (len(scene.branches()), len(scene.github.pull_requests("octo/hello")), len(scene.comments())) == (1, 1, 1)


def test_r36_a_second_wake_up_while_the_first_is_at_work_finds_the_lease(scene: Scene) -> None:
    run_id = scene.routed()
    seen: list[int] = []

    def again() -> None:
        start(scene.parts, run_id)
        seen.append(scene.run(run_id).epoch)

    workspaces: Any = Pausing(scene.parts.workspaces, "fetch", again)
    start(replace(scene.parts, workspaces=workspaces), run_id)
    assert seen == [1]
    assert scene.backend.created == [f"{run_id}-work"]


def test_a_run_of_another_host_is_not_touched(scene: Scene) -> None:
    run_id = scene.routed()
    elsewhere: Settings = scene.settings.model_copy(update={"host_name": "there"})
    start(replace(scene.parts, settings=elsewhere), run_id)
    assert scene.run(run_id).state == "queued"


def test_an_error_that_nobody_foresaw_is_one_line_without_its_text(scene: Scene) -> None:
    run_id = scene.routed()

    def broken(parts: Parts, lease: object, run: object) -> None:
        raise RuntimeError("the token is ghs_abcdefghijklmnopqrstuvwxyz0123456789")

    advance(scene.parts, run_id, {"queued": broken})
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Failed)
    assert (outcome.reason, "RuntimeError" in outcome.text) == ("internal", True)
    scene.recover(1)
    with scene.database.read() as tx:
        everything = "".join(str(row) for table in ("runs", "outbox", "audit", "inbox")
                             for row in tx.exec_driver_sql(f"SELECT * FROM {table}"))  # noqa: S608 - four fixed names
    assert "ghs_" not in everything
    assert "ghs_" not in scene.comments()[0].body


def test_r15_a_database_that_is_away_fails_no_run(scene: Scene) -> None:
    run_id = scene.routed()

    def down(parts: Parts, lease: object, run: object) -> None:
        raise OperationalError("SELECT 1", {}, Exception("the server is gone"))

    advance(scene.parts, run_id, {"queued": down})
    assert scene.run(run_id).state == "queued"
    scene.recover(1)
    assert scene.run(run_id).state == "running"
