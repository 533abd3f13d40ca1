"""What is paused, what is counted as it happens, and what is looked at from outside, on both databases."""

from __future__ import annotations

import threading

from app.core.line.ticket import Ticket
from app.ledger import acknowledged, costs, counts, events, exchanges, inbox, pauses, runs, tallies
from app.ledger.database import Database
from app.ledger.exchanges import Exchange
from app.observe.metrics import families_of
from tests.app.observe.scene_runs import PROFILE, event


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


def test_everything_that_is_looked_at_from_outside_is_read_on_both_databases(database: Database) -> None:
    with database.begin() as tx:
        run_id = runs.create(tx, event(2), PROFILE, "host-1")
        assert run_id is not None
        stored = inbox.store(tx, event(2))
        acknowledged.note(tx, event(2))
        exchanges.record(tx, Exchange(
            run_id=run_id, sandbox_id="s", api="anthropic", path="/", request=b"", status=200, content_type="x", response=b"", input_tokens=1,
            output_tokens=1, model="anthropic/x", cost_micro_usd=5, started_at_ms=1, duration_ms=1,
        ))
    with database.read() as tx:
        assert [(each.profile, each.runs) for each in counts.queued_by_profile(tx)] == [("fix", 1)]
        assert counts.queued_by_profile(tx)[0].oldest_seconds < 60
        assert (counts.runs_by_state(tx), counts.events_undecided(tx), counts.queued_ids(tx, 5)) == ({"queued": 1}, 1, [run_id])
        assert acknowledged.histogram(tx)[0][-1] == ("+Inf", 1)
        assert costs.of_runs(tx, [run_id, "none"]) == {run_id: 5}
        found = runs.load(tx, run_id)
        assert found is not None
        assert costs.estimate(tx, [found]) == (1, 5, found.updated_at_ms - found.created_at_ms)
        assert [entry.id for entry in events.since(tx, 60)] == [stored.id]
        assert [entry.id for entry in events.of_delivery(tx, "d-2")] == [stored.id]
        assert [entry.id for entry in events.of_delivery(tx, str(stored.id))] == [stored.id]
        assert events.newest(tx, 5) == ([inbox.load(tx, stored.id)], None)
        assert len(list(families_of(tx))) == 11
