"""R26: whose turn it is to ask a service, on both databases."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import text

from app.core.line.turns import Act
from app.ledger import pace
from app.ledger.database import Database

WHO = "github 55"


def test_r26_one_writes_at_a_time_whichever_thread_asks(database: Database) -> None:
    gate, marks = threading.Barrier(6), list[int | None]()

    def ask() -> None:
        gate.wait()
        with database.begin() as tx:
            marks.append(pace.take_write(tx, WHO, "write", 30))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    [mark] = [each for each in marks if each is not None]
    with database.begin() as tx:
        pace.wrote(tx, WHO, mark - 1, 0)
        # Whose hold has run out takes nothing from who holds it now.
        assert pace.take_write(tx, WHO, "write", 30) is None
        pace.wrote(tx, WHO, mark, 60)
        assert pace.take_write(tx, WHO, "write", 30) is None
        assert 59_000 < pace.standing(tx, WHO).wait_ms("write") <= 60_010
        assert (pace.standing(tx, WHO).wait_ms("read"), pace.standing(tx, "github 56").wait_ms("write")) == (0, 0)
        pace.wrote(tx, WHO, 0, 0)
        assert pace.take_write(tx, WHO, "write", 30) is not None


def test_spare_writes_leave_the_way_to_others(database: Database) -> None:
    with database.begin() as tx:
        assert pace.standing(tx, WHO).wait_ms("spare") == 0
        assert pace.take_write(tx, WHO, "write", 30) is not None
        tx.execute(text("UPDATE pace SET held_until_ms = 0, next_write_at_ms = :now"), {"now": pace.standing(tx, WHO).now_ms + 1})
        assert 0 < pace.standing(tx, WHO).wait_ms("spare") <= pace.YIELDS_MS + 1
        assert pace.take_write(tx, WHO, "spare", 30) is None


@pytest.mark.parametrize("act", ["begin", "read", "write", "spare"])
def test_r26_a_pause_holds_everything_and_a_shorter_one_does_not_end_it(database: Database, act: Act) -> None:
    with database.begin() as tx:
        pace.pause(tx, WHO, 300, is_stated=True)
        pace.pause(tx, WHO, 5, is_stated=True)
        assert 299_000 < pace.standing(tx, WHO).wait_ms(act) <= 300_000
        assert pace.take_write(tx, WHO, "write", 30) is None
        assert not pace.take_begin(tx, WHO)


def test_r26_each_refusal_that_does_not_say_how_long_is_waited_out_twice_as_long(database: Database) -> None:
    waits = []
    with database.begin() as tx:
        for _ in range(8):
            tx.execute(text("UPDATE pace SET paused_until_ms = 0"))
            pace.pause(tx, WHO, 60, is_stated=False)
            waits.append(round(pace.standing(tx, WHO).wait_ms("read") / 1000))
        pace.was_answered(tx, WHO)
        tx.execute(text("UPDATE pace SET paused_until_ms = 0"))
        pace.pause(tx, WHO, 60, is_stated=False)
        waits.append(round(pace.standing(tx, WHO).wait_ms("read") / 1000))
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600, 60]


def test_r26_what_was_asked_before_the_first_refusal_counts_as_one_with_it(database: Database) -> None:
    with database.begin() as tx:
        for _ in range(8):
            pace.pause(tx, WHO, 60, is_stated=False)
        assert 59_000 < pace.standing(tx, WHO).wait_ms("read") <= 60_000
        tx.execute(text("UPDATE pace SET paused_until_ms = 0"))
        pace.pause(tx, WHO, 60, is_stated=False)
        assert 119_000 < pace.standing(tx, WHO).wait_ms("read") <= 120_000


def test_r26_while_few_requests_are_left_work_begins_far_apart_and_what_is_spare_waits(database: Database) -> None:
    with database.begin() as tx:
        pace.slow_down(tx, WHO, 40, 2000)
        standing = pace.standing(tx, WHO)
        assert (standing.wait_ms("begin"), standing.wait_ms("read"), standing.wait_ms("write")) == (0, 0, 0)
        assert 1_999_000 < standing.wait_ms("spare") <= 2_000_000
        assert (pace.take_begin(tx, WHO), pace.take_begin(tx, WHO)) == (True, False)
        assert 39_000 < pace.standing(tx, WHO).wait_ms("begin") <= 40_000
        tx.execute(text("UPDATE pace SET gap_until_ms = 0"))
        assert pace.standing(tx, WHO).wait_ms("begin") == 0
