"""Bursts: one wish in several events is one run with all of its words, and one person's five hundred hold up nobody else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Connection, text

from app.core.event import Actor, Event
from app.intake import Intake
from app.ledger import hosts, line, messages, runs, schema
from app.ledger.database import Database
from tasks.route import route
from tests.github_at_work import REPO
from tests.tasks.scene import ALICE, BOB, CAROL, HOST, Scene, until

LABEL, LOOSE, ASKED = "label", "looks odd", "@bellhop use tabs"


def happens(scene: Scene, what: str, actor: Actor = ALICE) -> int:
    if what == LABEL:
        return scene.ring(actor=actor)
    return scene.ring(actor=actor, kind="issue_comment.created", said=what)


@pytest.mark.parametrize("order", [
    (LABEL, LOOSE, ASKED), (LOOSE, LABEL, ASKED), (ASKED, LOOSE, LABEL), (LOOSE, ASKED, LABEL),
], ids=["label-first", "words-first", "mention-first", "label-last"])
def test_r5_a_label_and_words_within_seconds_are_one_run_in_any_order(scene: Scene, order: tuple[str, ...]) -> None:
    ids = [happens(scene, what) for what in order]
    for inbox_id in ids:
        route(scene.parts, inbox_id)
    [run] = scene.all_runs()
    with scene.database.read() as tx:
        told = [row.text for row in messages.after(tx, run.id)]
    began = [run.event.text] if run.event.is_comment else []
    assert sorted(began + told) == [ASKED, LOOSE]
    assert {scene.entry(inbox_id).run_id for inbox_id, what in zip(ids, order, strict=True) if what != LABEL} == {run.id}


def test_what_somebody_else_said_or_was_said_long_before_is_no_part_of_it(scene: Scene) -> None:
    for what, actor in ((LOOSE, BOB), ("long ago", ALICE)):
        route(scene.parts, happens(scene, what, actor))
    scene.sql("UPDATE inbox SET received_at_ms = received_at_ms - 60000 WHERE event LIKE '%long ago%'")
    run_id = scene.routed()
    with scene.database.read() as tx:
        assert messages.after(tx, run_id) == []


def test_words_whose_run_begins_while_they_are_decided_on_are_for_it(scene: Scene) -> None:
    inbox_id = happens(scene, LOOSE)
    real = runs.live_in_thread
    rang: list[str] = []

    def rings_just_then(tx: object, thread: str) -> object:
        found = real(tx, thread)  # type: ignore[arg-type]
        if not rang:
            rang.append("")
            rang[0] = scene.routed()
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "live_in_thread", rings_just_then)
        route(scene.parts, inbox_id)
    assert scene.entry(inbox_id).run_id == rang[0]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def busy(request: pytest.FixtureRequest, without_gateway: Scene) -> Iterator[Scene]:
    """Three places, two for one person, on either database."""
    scene = without_gateway
    settings = scene.settings.model_copy(update={"max_runs": 3, "max_runs_per_person": 2})
    scene.parts = replace(scene.parts, settings=settings)
    if request.param == "sqlite":
        yield scene
        return
    database = Database(request.getfixturevalue("postgres_url"))
    with database.begin() as tx:
        tx.execute(text("DROP SCHEMA public CASCADE"))
        tx.execute(text("CREATE SCHEMA public"))
    schema.upgrade(database)
    with database.begin() as tx:
        hosts.seen(tx, HOST)
    scene.database = database
    scene.parts = replace(scene.parts, database=database)
    yield scene
    database.close()


def mention(number: int, issue: int, actor: Actor) -> Event:
    return Event(
        source="github", kind="issue_comment.created", delivery_key=f"d-{number}", thread=f"github:octo/hello#{issue}", actor=actor,
        repo=REPO, url="https://github.invalid/octo/hello/issues/1", title="It breaks", text="@bellhop do it", number=issue,
    )


# Each of five hundred mentions is asked of GitHub over HTTP.
@pytest.mark.slow
def test_t18_five_hundred_mentions_in_a_minute_are_capped_queued_and_told_once(busy: Scene) -> None:
    scene, issues = busy, 25
    for _ in range(issues):
        scene.github.person("alice").open_issue("octo/hello", "one of many")
    flood = [mention(number, 1 + number % issues, ALICE) for number in range(500)]
    theirs = mention(500, 1 + issues, CAROL)
    intake = Intake(scene.database, scene.wakeup)

    async def arrive() -> list[int]:
        receipts = await asyncio.gather(*(intake.accept(each) for each in (*flood, theirs)))
        return [each.id or 0 for each in receipts]

    ids = asyncio.run(arrive())
    intake.close()
    assert len(set(ids)) == 501, "none is dropped"
    scene.wakeup.calls.clear()
    for inbox_id in ids:
        route(scene.parts, inbox_id)
    # One conversation is one run; what else was said in it is told to that run.
    mine = [run for run in scene.all_runs() if run.event.actor == ALICE]
    assert len(mine) == issues
    with scene.database.read() as tx:
        assert sum(len(messages.after(tx, run.id)) for run in mine) == 500 - issues
    # Everybody is told once where they stand: twenty mentions in an issue are one comment.
    assert [len(scene.comments(number)) for number in range(1, issues + 1)] == [1] * issues
    # Two of the three places are the most that one person gets, and another's run has its own at once.
    [carols] = [run for run in scene.all_runs() if run.event.actor == CAROL]
    begun = []
    with scene.database.begin() as tx:
        standing = line.of_host(tx, HOST, scene.parts.caps).line
        assert len(standing.now) == 3
        for each in standing.now:
            assert line.may_begin(tx, each.run_id, HOST, scene.parts.caps)
            lease = runs.take(tx, each.run_id, "w", 60)
            assert lease is not None
            runs.advance(tx, lease, "starting", host=HOST)
            begun.append(each.run_id)
        assert carols.id in begun
        left = line.of_host(tx, HOST, scene.parts.caps._replace(host=9)).line
    assert (left.now, len(left.later)) == ((), issues - 2)
    assert set(left.held.values()) == {"2 runs of the same person at once is the most"}


@pytest.mark.postgres
def test_r5_words_and_a_ring_that_two_workers_decide_on_at_once_do_not_miss_each_other(busy: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = busy
    words, label = happens(scene, LOOSE), happens(scene, LABEL)
    ring = threading.Thread(target=route, args=(scene.parts, label))
    real = runs.live_in_thread

    def blocked() -> bool:
        with scene.database.read() as tx:
            return bool(tx.execute(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")).scalar_one())

    def rings_just_then(tx: Connection, thread: str) -> object:
        found = real(tx, thread)
        # The second look, in the transaction that writes; and the ring is let go until it is saved, or waits.
        # SQLite has one writer at a time: there, it would only wait.
        if threading.current_thread() is threading.main_thread() and not ring.ident and scene.database.dialect == "postgresql":
            looks.append(1)
            if len(looks) < 2:
                return found
            ring.start()
            until(lambda: not ring.is_alive() or blocked())
        return found

    looks: list[int] = []
    monkeypatch.setattr(runs, "live_in_thread", rings_just_then)
    route(scene.parts, words)
    if ring.ident is None:
        ring.start()
    ring.join(20)
    [run] = scene.all_runs()
    with scene.database.read() as tx:
        assert [row.text for row in messages.after(tx, run.id)] == [LOOSE]
