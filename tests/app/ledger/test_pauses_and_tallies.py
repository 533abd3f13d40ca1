"""What is paused, and what is counted as it happens."""

from __future__ import annotations

import threading

from app.core.ticket import Ticket
from app.ledger import pauses, tallies
from app.ledger.database import Database


def test_a_pause_holds_those_of_its_profile_and_one_of_all_holds_all(database: Database) -> None:
    waiting = [Ticket("a", 1, profile="fix"), Ticket("b", 2, profile="other"), Ticket("c", 3)]
    with database.begin() as tx:
        assert pauses.held(tx, waiting) == {}
        pauses.pause(tx, "fix")
        assert pauses.held(tx, waiting) == {"a": "the operator has paused the profile fix"}
        pauses.pause(tx, pauses.EVERYTHING)
        assert set(pauses.held(tx, waiting)) == {"a", "b", "c"}
        pauses.resume(tx, "fix")
        assert list(pauses.paused(tx)) == [pauses.EVERYTHING]


def test_what_is_counted_by_many_at_once_is_counted_whole(database: Database) -> None:
    def count() -> None:
        for _ in range(20):
            with database.begin() as tx:
                tallies.add(tx, "outcome", "fix", "failed")

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.begin() as tx:
        tallies.add(tx, "outcome", "fix", "a" * 500, count=7)
        tallies.add(tx, "cost", "fix", count=3)
        assert tallies.totals(tx, "outcome") == {("fix", "failed"): 60, ("fix", "a" * 63): 7}
        assert tallies.totals(tx, "cost") == {("fix",): 3}
