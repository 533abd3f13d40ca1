"""The places of a host, on both databases: given in the order of asking, and never one too many."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from sqlalchemy import update

from app.core.line.waiting_line import Caps
from app.ledger import hosts, line, runs, tickets
from app.ledger.database import Database, now_ms
from app.ledger.tables import runs as run_table
from app.ledger.tables import stages as stage_table
from app.ledger.tables import tickets as ticket_table
from tests.app.ledger.make import PROFILE, event

MOST = 3


def begin(
    database: Database, run_id: str, most: int = MOST, meanwhile: Callable[[], object] = bool, *, host: str = "here", **caps: Any
) -> bool:
    """Take a place as `start` does; `meanwhile` is what others do before that is committed."""
    with database.begin() as tx:
        if not line.may_begin(tx, run_id, host, Caps(host=most, **caps)):
            return False
        meanwhile()
        lease = runs.take(tx, run_id, "w", 60)
        assert lease is not None
        runs.advance(tx, lease, "starting", host=host)
        return True


def queued(database: Database, count: int) -> list[str]:
    made = []
    with database.begin() as tx:
        hosts.seen(tx, "here")
        hosts.seen(tx, "there")
        for n in range(count):
            run_id = runs.create(tx, event(f"d-{n}", f"github:octo/till#{n}"), PROFILE, "here")
            assert run_id is not None
            made.append(run_id)
    return made


def test_all_asking_at_once_get_as_many_places_as_there_are(database: Database) -> None:
    waiting = queued(database, 10)
    with ThreadPoolExecutor(10) as pool:
        began = list(pool.map(lambda run_id: begin(database, run_id), waiting))
    assert sum(began) <= MOST
    # Who asked early may have been told that older ones wait; asking again, the places left are given.
    left = [run_id for run_id, has_begun in zip(waiting, began, strict=True) if not has_begun]
    for _ in left:
        left = [run_id for run_id in left if not begin(database, run_id)]
    assert len(left) == len(waiting) - MOST


def test_two_that_look_at_the_same_time_do_not_both_get_the_last_place(database: Database) -> None:
    """An older run whose pause ends just then is not in the line that the younger one saw."""
    older, younger = sorted(queued(database, 2))
    with database.begin() as tx:
        tx.execute(update(ticket_table).values(since_ms=1))
        tx.execute(update(run_table).where(run_table.c.id == older).values(next_at_ms=now_ms() + 200))
    with ThreadPoolExecutor(1) as pool:
        asked: list[Future[bool]] = []

        def asks() -> bool:
            time.sleep(0.3)  # its pause is over
            return begin(database, older, 1)

        def meanwhile() -> None:
            asked.append(pool.submit(asks))
            wait(asked, timeout=1)

        assert begin(database, younger, 1, meanwhile)
        assert not asked[0].result(timeout=40)


def test_the_oldest_come_first(database: Database) -> None:
    waiting = queued(database, 5)
    with database.begin() as tx:
        oldest_first = [run_id for run_id, _ in runs.due(tx, "here", ("queued",))]
    with database.begin() as tx:
        free = {run_id for run_id in waiting if line.may_begin(tx, run_id, "here", Caps(host=MOST))}
        # In one millisecond, the id decides.
        assert len(free) == MOST
        assert oldest_first[0] in free
    with database.begin() as tx:
        elsewhere = runs.create(tx, event("d-x", "github:octo/till#x"), PROFILE, "there")
        assert elsewhere is not None
        assert line.may_begin(tx, elsewhere, "there", Caps(host=1)), "what runs here takes no place there"


def test_a_cap_holds_for_all_hosts_together_also_when_two_ask_at_once(database: Database) -> None:
    here, there = queued(database, 2)
    with database.begin() as tx:
        tx.execute(update(run_table).where(run_table.c.id == there).values(host="there"))
    with ThreadPoolExecutor(1) as pool:
        asked: list[Future[bool]] = []

        def meanwhile() -> None:
            asked.append(pool.submit(begin, database, there, host="there", repository=1))
            wait(asked, timeout=1)

        assert begin(database, here, meanwhile=meanwhile, repository=1)
        assert not asked[0].result(timeout=40)
    with database.begin() as tx:
        assert line.may_begin(tx, there, "there", Caps(host=MOST, repository=2))


def test_where_a_run_stands_and_how_long_it_takes_is_measured(database: Database) -> None:
    first, second, third = queued(database, 3)
    for run_id in (first, second, third):
        # In one millisecond the id would decide.
        with database.begin() as tx:
            tx.execute(update(ticket_table).where(ticket_table.c.run_id == run_id).values(since_ms=[first, second, third].index(run_id)))
    assert begin(database, first, 1)

    def words(run_id: str) -> str:
        with database.read() as tx:
            run = runs.load(tx, run_id)
            assert run is not None
            place = line.place_of(tx, run, Caps(host=9))
        return "" if place is None else place.words

    with database.begin() as tx:
        tickets.set_places(tx, "here", 1)
    assert [words(each) for each in (first, second, third)] == ["", "queued 1st", "queued 2nd"], "nothing is known of such runs yet"
    with database.begin() as tx:
        done = runs.create(tx, event("d-done", "github:octo/till#done"), PROFILE, "gone")
        assert done is not None
        for name in ("starting", "done"):
            runs.mark(tx, done, name)
        tx.execute(update(stage_table).where(stage_table.c.run_id == done, stage_table.c.name == "done").values(
            at_ms=stage_table.c.at_ms + 9 * 60_000))
        tx.execute(update(run_table).where(run_table.c.id == done).values(state="done"))
    assert [words(each) for each in (first, second, third)] == ["", "queued 1st, about 9 min", "queued 2nd, about 20 min"]
    with database.begin() as tx:
        tickets.set_places(tx, "here", 2)
    assert [words(each) for each in (second, third)] == ["", "queued 1st, about 9 min"]
