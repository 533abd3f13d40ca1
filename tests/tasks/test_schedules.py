"""Ticks of a schedule become events once, whatever dies and however many look, and work with the profile's own word."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core.event import Event
from app.emulators.github import Fault
from app.ledger import acknowledged
from app.ledger.tables import audit, inbox
from tasks.keeping.schedules import fire_due
from tasks.route import route
from tasks.start import start
from tasks.sweep import tick
from tests.tasks.scene import Scene, profile

THREE = datetime(2026, 11, 23, 3, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def nightly(scene: Scene) -> Scene:
    scene.profiles["nightly"] = timed()
    # The line is new: what was due before is nobody's business.
    fire_due(scene.parts, THREE - timedelta(hours=1))
    assert events(scene) == []
    return scene


def timed(**more: Any) -> Any:
    return profile("nightly", on={"schedule": [{"cron": "0 3 * * *"}]}, repositories=["octo/hello"], prompt="Look for flaky tests.", **more)


def events(scene: Scene) -> list[tuple[int, Event]]:
    with scene.database.read() as tx:
        rows = tx.execute(select(inbox.c.id, inbox.c.event).order_by(inbox.c.id)).all()
    return [(row.id, Event.model_validate_json(row.event)) for row in rows]


def test_a_tick_is_one_event_however_many_look(nightly: Scene) -> None:
    fire_due(nightly.parts, THREE - timedelta(seconds=1))
    assert events(nightly) == []
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: fire_due(nightly.parts, THREE), range(8)))
    fire_due(nightly.parts, THREE + timedelta(hours=5))
    [(inbox_id, event)] = events(nightly)
    assert event.delivery_key == "nightly@octo/hello@2026-11-23T03:00:00Z"
    assert nightly.wakeup.calls == [("route", inbox_id)]
    fire_due(nightly.parts, THREE + DAY)
    assert len(events(nightly)) == 2


def test_ticks_that_were_missed_are_one(nightly: Scene) -> None:
    fire_due(nightly.parts, THREE + 9 * DAY)
    fire_due(nightly.parts, THREE + 9 * DAY)
    # A worker whose clock is behind makes no event of one that was passed over.
    fire_due(nightly.parts, THREE + 8 * DAY)
    assert [event.occurred_at for _, event in events(nightly)] == ["2026-12-02T03:00:00Z"]


def test_r31_a_clock_that_was_ahead_and_is_put_right_silences_no_schedule(nightly: Scene) -> None:
    fire_due(nightly.parts, THREE + 400 * DAY)
    for hours in (0, 1, 23, 24, 25):
        fire_due(nightly.parts, THREE + timedelta(hours=hours))
    assert [event.occurred_at for _, event in events(nightly)] == ["2027-12-28T03:00:00Z", "2026-11-24T03:00:00Z"]
    # A second back, just after a tick: it is not done again.
    fire_due(nightly.parts, THREE + DAY - timedelta(seconds=1))
    fire_due(nightly.parts, THREE + DAY)
    assert len(events(nightly)) == 2


def test_a_tick_comes_later_by_the_part_of_its_repository(nightly: Scene) -> None:
    nightly.profiles["nightly"] = timed().model_copy(update={"on": timed().on.model_copy(update={
        "schedule": tuple(line.model_copy(update={"jitter_minutes": 60}) for line in timed().on.schedule)})})
    fire_due(nightly.parts, THREE)
    assert events(nightly) == []
    fire_due(nightly.parts, THREE + timedelta(hours=1))
    assert [event.occurred_at for _, event in events(nightly)] == ["2026-11-23T03:00:00Z"]


def test_a_tick_needs_nobodys_permission_and_starts_its_own_profile_alone(nightly: Scene) -> None:
    nightly.profiles["also"] = timed().model_copy(update={"name": "also"})
    nightly.github.set_role("octo/hello", "alice", "none")
    fire_due(nightly.parts, THREE)
    [(inbox_id, _)] = events(nightly)
    route(nightly.parts, inbox_id)
    [run] = nightly.all_runs()
    assert (run.profile.name, run.event.repo.id, run.event.repo.default_branch) == ("nightly", 1001, "main")
    assert "nobody has to be asked" in str(nightly.entry(inbox_id).decision)
    start(nightly.parts, run.id)
    # What the profile says is what it may read: nobody's role narrows that, and nothing widens it.
    with nightly.database.read() as tx:
        minted = [tuple(row) for row in tx.execute(select(audit.c.action, audit.c.target).order_by(audit.c.id))]
    assert minted[0] == ("look up", "octo/hello metadata: read")
    assert ("mint workspace", "octo/hello contents: read") in minted
    assert not [action for action, _ in minted if "authorise" in action]
    nightly.work(run.id, {"README.md": "hello, world\n"})
    nightly.pump()
    assert nightly.outcome(run.id).kind == "pull_request"
    # Nobody waited to be answered, so that is no time to acknowledge.
    with nightly.database.read() as tx:
        assert acknowledged.histogram(tx)[0][-1] == ("+Inf", 0)


def test_a_tick_while_the_last_one_is_still_worked_on_starts_nothing(nightly: Scene) -> None:
    for day in range(2):
        fire_due(nightly.parts, THREE + day * DAY)
        nightly.pump()
    assert len(nightly.all_runs()) == 1
    assert "already_running" in str(nightly.entry(events(nightly)[1][0]).decision)


def test_the_next_tick_brings_a_pull_request_that_is_open_up_to_date(nightly: Scene) -> None:
    for day, words in enumerate(("hello, world\n", "hello, all\n")):
        fire_due(nightly.parts, THREE + day * DAY)
        nightly.pump()
        [run] = [run for run in nightly.all_runs() if run.state != "done"]
        nightly.work(run.id, {"README.md": words})
        nightly.pump()
        assert nightly.outcome(run.id).kind == "pull_request"
    [pull] = nightly.github.pull_requests("octo/hello")
    [branch] = nightly.branches()
    assert nightly.github.read("octo/hello", branch, "README.md") == "hello, all\n"
    assert len(nightly.comments(pull.number)) == 2


def test_a_repository_that_cannot_be_looked_up_is_asked_for_again_and_an_app_that_is_not_there_is_said(nightly: Scene) -> None:
    nightly.github.fault(Fault(path=r"/repos/octo/hello/installation$", status=503))
    fire_due(nightly.parts, THREE)
    [(inbox_id, _)] = events(nightly)
    nightly.pump()
    assert nightly.entry(inbox_id).state == "stored"
    nightly.recover(1)
    assert nightly.entry(inbox_id).state == "routed"
    nightly.profiles["nightly"] = timed().model_copy(update={"repositories": ("octo/other",)})
    fire_due(nightly.parts, THREE)
    fire_due(nightly.parts, THREE + DAY)
    nightly.pump()
    newest = events(nightly)[-1][0]
    assert nightly.entry(newest).state == "failed"
    assert "not installed" in str(nightly.entry(newest).decision)


def test_the_beat_looks_at_schedules_too(nightly: Scene) -> None:
    nightly.sql("UPDATE schedules SET ticked_at_ms = 0")
    tick(nightly.parts)
    assert [event.kind for _, event in events(nightly)] == ["schedule"]
