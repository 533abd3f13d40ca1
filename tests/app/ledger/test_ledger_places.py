"""The places of a host, on both databases: given in the order of asking, and never one too many."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from sqlalchemy import update

from app.ledger import hosts, runs
from app.ledger.database import Database, now_ms
from app.ledger.tables import runs as run_table
from tests.app.ledger.make import PROFILE, event

MOST = 3


def begin(database: Database, run_id: str, most: int = MOST, meanwhile: Callable[[], object] = bool) -> bool:
    """Take a place as `start` does; `meanwhile` is what others do before that is committed."""
    with database.begin() as tx:
        if not hosts.has_room(tx, "here", run_id, most):
            return False
        meanwhile()
        lease = runs.take(tx, run_id, "w", 60)
        assert lease is not None
        runs.advance(tx, lease, "starting", host="here")
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
        tx.execute(update(run_table).values(created_at_ms=1))
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
        free = {run_id for run_id in waiting if hosts.has_room(tx, "here", run_id, MOST)}
        # In one millisecond, the id decides.
        assert len(free) == MOST
        assert oldest_first[0] in free
    with database.begin() as tx:
        elsewhere = runs.create(tx, event("d-x", "github:octo/till#x"), PROFILE, "there")
        assert elsewhere is not None
        assert hosts.has_room(tx, "there", elsewhere, 1), "what runs here takes no place there"
