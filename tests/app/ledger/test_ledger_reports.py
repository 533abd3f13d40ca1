"""Reports and their caps, and the answers to questions, on both databases."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from app.core.report import NothingToReport, Question, Update
from app.ledger import messages, reports, runs
from app.ledger.database import Database, clock_ms
from tests.app.ledger.make import PROFILE, event


def queued(database: Database) -> str:
    with database.begin() as tx:
        run_id = runs.create(tx, event(), PROFILE, "here")
    assert run_id is not None
    return run_id


def test_reports_at_once_do_not_get_past_their_cap(database: Database) -> None:
    run_id = queued(database)
    start = threading.Barrier(8)

    def say(number: int) -> bool:
        start.wait()
        with database.begin() as tx:
            return reports.record_within(tx, run_id, "s", Update(text=f"step {number}"), 3) is not None

    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(say, range(8)))
    assert kept.count(True) == 3
    with database.begin() as tx:
        assert reports.record_within(tx, run_id, "s", NothingToReport(text="another kind"), 1) is not None
        assert len(reports.of_run(tx, run_id)) == 4


def test_a_question_asked_again_is_the_same_one(database: Database) -> None:
    run_id = queued(database)
    with database.begin() as tx:
        first = reports.record_within(tx, run_id, "s", Question(text="Which?\x00"), 1)
    with database.begin() as tx:
        assert reports.record_within(tx, run_id, "s", Question(text="Which?\ufffd"), 1) == first
        assert reports.record_within(tx, run_id, "s", Question(text="Another?"), 1) is None


def test_an_answer_is_taken_once_and_an_older_word_is_none(database: Database) -> None:
    run_id = queued(database)
    with database.begin() as tx:
        messages.append(tx, run_id, inbox_id=1, author="ada", text="before")
        asked_at_ms = (messages.newest_at_ms(tx, run_id) or 0) + 1
        assert not messages.has_answer(tx, run_id, asked_at_ms)
    while True:
        with database.begin() as tx:
            if clock_ms(tx) >= asked_at_ms:
                break
    with database.begin() as tx:
        messages.append(tx, run_id, inbox_id=2, author="eve", text="the answer")
        assert messages.has_answer(tx, run_id, asked_at_ms)
    start = threading.Barrier(4)

    def take(_: int) -> str | None:
        start.wait()
        with database.begin() as tx:
            found = messages.take_answer(tx, run_id, asked_at_ms)
        return found.text if found else None

    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(take, range(4)))
    assert sorted(taken, key=str) == [None, None, None, "the answer"]
    with database.begin() as tx:
        assert [each.text for each in messages.after(tx, run_id)] == ["before"]
