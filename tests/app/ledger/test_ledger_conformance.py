"""What the ledger promises, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from app.core.assignment import Assignment, SandboxEnd
from app.core.outcome import Failed, NothingToDo
from app.core.run import Run
from app.core.step import Step
from app.errors import ConfigurationError, LeaseLost
from app.ledger import audit, exchanges, hosts, inbox, messages, outbox, page_keys, runs, sandboxes, schema, steps
from app.ledger.database import Database, now_ms
from app.ledger.tables import hosts as host_table
from app.ledger.tables import page_keys as key_table
from app.ledger.tables import runs as run_table
from app.ledger.tables import sandboxes as sandbox_table
from tests.app.ledger.make import PROFILE, event


def queued(database: Database, thread: str = "github:octo/till#1") -> str:
    with database.begin() as tx:
        run_id = runs.create(tx, event(thread=thread), PROFILE, "here")
    assert run_id is not None
    return run_id


def loaded(database: Database, run_id: str) -> Run:
    with database.read() as tx:
        run = runs.load(tx, run_id)
    assert run is not None
    return run


def test_the_migrations_make_the_tables_that_the_code_knows(database: Database) -> None:
    assert schema.drift(database) == []
    assert schema.revision(database)[0] == schema.revision(database)[1]
    schema.upgrade(database)
    schema.require_current(database)


def test_a_database_that_is_not_migrated_is_refused_with_the_command_to_run(tmp_path: object) -> None:
    with pytest.raises(ConfigurationError, match="bellhop migrate"):
        schema.require_current(Database("sqlite://"))


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="postgresql"):
        Database("mysql://root@localhost/x")


def test_r4_the_same_delivery_ten_times_at_once_is_one_row(database: Database) -> None:
    start = threading.Barrier(10)

    def deliver(_: int) -> inbox.Stored:
        start.wait()
        with database.begin() as tx:
            return inbox.store(tx, event())

    with ThreadPoolExecutor(10) as pool:
        stored = list(pool.map(deliver, range(10)))
    assert len({each.id for each in stored}) == 1
    assert [each.is_new for each in stored].count(True) == 1


def test_t3_a_happening_delivered_again_under_another_id_is_no_second_row(database: Database) -> None:
    with database.begin() as tx:
        first = inbox.store(tx, event("d-1", intent="i-1"))
    with database.begin() as tx:
        again = inbox.store(tx, event("d-2", intent="i-1"))
        later = inbox.store(tx, event("d-3", intent="i-2"))
        unknown = [inbox.store(tx, event(key)) for key in ("d-4", "d-5")]
    assert (first.is_new, again.is_new, later.is_new) == (True, False, True)
    assert again.id == first.id
    assert [each.is_new for each in unknown] == [True, True]


def test_t3_of_one_happening_in_one_batch_the_first_is_new(database: Database) -> None:
    batch = [event("d-1", intent="i-1"), event("d-2", intent="i-1"), event("d-1", intent="i-1"), event("d-3", intent="i-2")]
    with database.begin() as tx:
        stored = inbox.store_all(tx, batch)
    assert [each.is_new for each in stored] == [True, False, False, True]
    assert len({each.id for each in stored[:3]}) == 1


def test_r5_two_processes_told_of_one_happening_at_once_keep_one_row(database: Database) -> None:
    start = threading.Barrier(8)

    def deliver(number: int) -> inbox.Stored:
        start.wait()
        with database.begin() as tx:
            return inbox.store(tx, event(f"d-{number}", intent="i-1"))

    with ThreadPoolExecutor(8) as pool:
        stored = list(pool.map(deliver, range(8)))
    assert len({each.id for each in stored}) == 1
    assert [each.is_new for each in stored].count(True) == 1


def test_a_claimed_row_is_hidden_until_its_time(database: Database) -> None:
    with database.begin() as tx:
        row = inbox.store(tx, event()).id
        assert inbox.due(tx) == [row]
        assert inbox.claim(tx, row, 60)
        assert not inbox.claim(tx, row, 60)
        assert inbox.due(tx) == []
        inbox.retry_in(tx, row, -1)
        assert inbox.due(tx) == [row]
        assert inbox.settle(tx, row, state="ignored", decision="ignore: because")
        assert not inbox.settle(tx, row, state="routed", decision="start: late")
        entry = inbox.load(tx, row)
    assert entry is not None
    assert (entry.state, entry.decision, entry.attempts) == ("ignored", "ignore: because", 1)
    assert entry.event == event()


def test_deliveries_that_leave_no_row_are_counted(database: Database) -> None:
    with database.begin() as tx:
        inbox.count_delivery(tx, "github", "ignored", "issues.opened")
        inbox.count_delivery(tx, "github", "ignored", "issues.opened")
        inbox.count_delivery(tx, "github", "unknown", "x" * 500)
        totals = inbox.delivery_totals(tx)
    assert totals["github", "ignored", "issues.opened"] == 2
    assert totals["github", "unknown", "x" * 100] == 1


def test_a_thread_has_one_live_run_at_most(database: Database) -> None:
    run_id = queued(database)
    with database.begin() as tx:
        assert runs.create(tx, event("d-2"), PROFILE, "here") is None
        live = runs.live_in_thread(tx, event().thread)
        assert live is not None
        assert live.id == run_id
        lease = runs.take(tx, run_id, "me", 60)
        assert lease is not None
        runs.finish(tx, lease, NothingToDo(text="done"))
        second = runs.create(tx, event("d-3"), PROFILE, "here")
    assert second is not None
    # A follow-up run in the same thread is the same case, so it works on the same branch.
    assert loaded(database, second).branch == loaded(database, run_id).branch


def test_two_workers_that_start_a_run_at_once_start_one(database: Database) -> None:
    start = threading.Barrier(8)

    def create(number: int) -> str | None:
        start.wait()
        with database.begin() as tx:
            return runs.create(tx, event(f"d-{number}"), PROFILE, "here")

    with ThreadPoolExecutor(8) as pool:
        made = [run_id for run_id in pool.map(create, range(8)) if run_id is not None]
    assert len(made) == 1


def test_r32_a_lease_that_was_taken_over_writes_nothing_more(database: Database) -> None:
    run_id = queued(database)
    with database.begin() as tx:
        first = runs.take(tx, run_id, "first", -1)
        assert first is not None
        second = runs.take(tx, run_id, "second", 60)
    assert second is not None
    assert second.epoch == first.epoch + 1
    with pytest.raises(LeaseLost), database.begin() as tx:
        runs.advance(tx, first, "starting")
    with pytest.raises(LeaseLost), database.begin() as tx:
        runs.finish(tx, first, Failed(reason="x", text="y"))
    with pytest.raises(LeaseLost), database.begin() as tx:
        runs.renew(tx, first, 60)
    with database.begin() as tx:
        runs.release(tx, first)
        assert runs.take(tx, run_id, "third", 60) is None
        runs.advance(tx, second, "starting")
    assert loaded(database, run_id).state == "starting"


def test_a_lease_is_taken_by_one_of_many(database: Database) -> None:
    run_id = queued(database)
    start = threading.Barrier(8)

    def take(number: int) -> runs.Lease | None:
        start.wait()
        with database.begin() as tx:
            return runs.take(tx, run_id, str(number), 60)

    with ThreadPoolExecutor(8) as pool:
        assert len([lease for lease in pool.map(take, range(8)) if lease is not None]) == 1


def test_a_run_has_one_outcome_for_ever(database: Database) -> None:
    run_id = queued(database)
    with database.begin() as tx:
        lease = runs.take(tx, run_id, "me", 60)
        assert lease is not None
        runs.finish(tx, lease, NothingToDo(text="all well"))
    with pytest.raises(LeaseLost), database.begin() as tx:
        runs.finish(tx, lease, Failed(reason="x", text="late"))
    assert loaded(database, run_id).outcome == NothingToDo(text="all well")
    with database.begin() as tx:
        assert runs.take(tx, run_id, "me", 60) is None
        assert not runs.request_cancel(tx, run_id)


def test_attempts_are_counted_before_the_step_and_cleared_after_it(database: Database) -> None:
    run_id = queued(database)
    with database.begin() as tx:
        lease = runs.take(tx, run_id, "me", 60)
        assert lease is not None
        assert [runs.count_attempt(tx, lease), runs.count_attempt(tx, lease)] == [1, 2]
        runs.advance(tx, lease, "starting")
        assert runs.count_attempt(tx, lease) == 1


def test_due_runs_are_those_of_this_host_or_of_none_whose_lease_is_free(database: Database) -> None:
    mine, leased, later = (queued(database, f"t{n}") for n in range(3))
    with database.begin() as tx:
        homeless = runs.create(tx, event("d-9", "t9"), PROFILE, None)
        elsewhere = runs.create(tx, event("d-8", "t8"), PROFILE, "there")
        assert runs.take(tx, leased, "me", 60)
        lease = runs.take(tx, later, "me", 60)
        assert lease is not None
        runs.release(tx, lease, next_in_seconds=60)
        found = {run_id for run_id, _ in runs.due(tx, "here", ("queued",))}
    assert found == {mine, homeless}
    assert elsewhere not in found


def test_the_end_of_a_sandbox_moves_only_the_run_that_waits_for_it(database: Database) -> None:
    run_id = queued(database)
    with database.begin() as tx:
        assert not runs.sandbox_ended(tx, run_id, "work")
        lease = runs.take(tx, run_id, "me", 60)
        assert lease is not None
        runs.advance(tx, lease, "running")
        assert not runs.sandbox_ended(tx, run_id, "verify")
        assert runs.sandbox_ended(tx, run_id, "work")
        assert not runs.sandbox_ended(tx, run_id, "work")
        names = [name for name, _ in runs.timeline(tx, run_id)]
    assert names == ["queued", "running", "collecting"]


def sandbox(database: Database) -> tuple[str, str]:
    run_id = queued(database)
    assignment = Assignment(run_id=run_id, role="work", argv=("true",), timeout_seconds=60, idle_timeout_seconds=60)
    with database.begin() as tx:
        for _ in range(2):
            sandboxes.create(tx, sandbox_id=f"{run_id}-work", host="here", agent="command", backend="docker",
                             assignment=assignment, ttl_seconds=90)
    return run_id, f"{run_id}-work"


def test_a_door_is_claimed_once_and_its_key_is_kept_as_a_hash(database: Database) -> None:
    _, sandbox_id = sandbox(database)
    with database.begin() as tx:
        key = sandboxes.claim_door(tx, sandbox_id)
        assert key is not None
        assert sandboxes.claim_door(tx, sandbox_id) is None
        assert sandboxes.holds_key(tx, sandbox_id, key)
        assert not sandboxes.holds_key(tx, sandbox_id, key + "x")
        assert not sandboxes.holds_key(tx, "another", key)
        assert key not in str(tx.execute(select(sandbox_table)).all())


def test_the_first_word_on_a_sandbox_end_stands(database: Database) -> None:
    run_id, sandbox_id = sandbox(database)
    with database.begin() as tx:
        sandboxes.opened(tx, sandbox_id, {"container": "abc"})
        assert sandboxes.ended(tx, sandbox_id, SandboxEnd(reason="exited", exit_code=0))
        assert not sandboxes.ended(tx, sandbox_id, SandboxEnd(reason="lost"))
        sandboxes.opened(tx, sandbox_id, {"container": "abc"})
        row = sandboxes.load(tx, sandbox_id)
        assert row is not None
        assert row.state == "ended"
        assert row.end == SandboxEnd(reason="exited", exit_code=0)
        assert row.handle == {"container": "abc"}
        assert sandboxes.claim_door(tx, sandbox_id) is None
        sandboxes.destroyed(tx, sandbox_id)
        assert sandboxes.on_host(tx, "here", ("ended",)) == []
        assert [each.state for each in sandboxes.of_run(tx, run_id)] == ["destroyed"]


def test_steps_are_one_sequence_and_r21_take_any_text(database: Database) -> None:
    run_id, sandbox_id = sandbox(database)
    with database.begin() as tx:
        steps.append(tx, run_id, sandbox_id, [Step(kind="log", text="a\x00b"), Step(kind="log", text="\U0001f600")],
                     next_line=2)
        steps.append(tx, run_id, f"{run_id}-verify", [Step(kind="message", text="c", data={"n": 1})])
        assert steps.next_line(tx, sandbox_id) == 2
        rows = steps.after(tx, run_id)
        assert [row.sequence for row in rows] == [0, 1, 2]
        assert rows[0].step.text == "a\ufffdb"
        assert [step.text for step in steps.of_sandbox(tx, run_id, sandbox_id)] == ["a\ufffdb", "\U0001f600"]
        assert [row.step.text for row in steps.after(tx, run_id, 1)] == ["c"]


def test_follow_ups_are_kept_in_order_once_each(database: Database) -> None:
    run_id = queued(database)
    with database.begin() as tx:
        for inbox_id in (5, 6, 6):
            messages.append(tx, run_id, inbox_id=inbox_id, author="ada", text=f"text {inbox_id}")
        found = messages.after(tx, run_id)
        assert [each.text for each in found] == ["text 5", "text 6"]
        messages.handed(tx, run_id, found[0].id)
        assert [each.text for each in messages.after(tx, run_id, found[0].id)] == ["text 6"]


def test_a_reply_is_delivered_by_one_at_a_time_until_its_newest_version_stands(database: Database) -> None:
    run_id = queued(database)
    with database.begin() as tx:
        outbox.put(tx, run_id, "comment", "on it")
        assert outbox.due(tx) == [(run_id, "comment")]
        reply = outbox.hold(tx, run_id, "comment", 60)
        assert reply is not None
        assert outbox.hold(tx, run_id, "comment", 60) is None
        assert outbox.due(tx) == []
        outbox.put(tx, run_id, "comment", "done")
        assert outbox.hold(tx, run_id, "comment", 60) is None
        outbox.delivered(tx, run_id, "comment", reply.version, "http://x")
        newer = outbox.hold(tx, run_id, "comment", 60)
        assert newer is not None
        assert newer.body == "done"
        outbox.failed(tx, run_id, "comment", "502", -1)
        assert outbox.due(tx) == [(run_id, "comment")]
        again = outbox.hold(tx, run_id, "comment", 60)
        assert again is not None
        assert again.attempts == 1
        outbox.delivered(tx, run_id, "comment", again.version, "http://x")
        assert outbox.due(tx) == []
        assert outbox.hold(tx, run_id, "comment", 60) is None


def test_audit_and_exchanges_come_back_as_they_went_in(database: Database) -> None:
    run_id, sandbox_id = sandbox(database)
    exchange = exchanges.Exchange(run_id, sandbox_id, "anthropic", "/v1/messages", b"{}", 200, "application/json",
                                  b"\x00\xff", 10, 20, 1, 5)
    with database.begin() as tx:
        audit.record(tx, run_id=run_id, credential_id="ghs-1", action="mint", target="x" * 400, verdict="ok")
        exchanges.record(tx, exchange)
        exchanges.record(tx, exchange._replace(input_tokens=None, output_tokens=None))
        assert [row.target for row in audit.of_run(tx, run_id)] == ["x" * 300]
        assert exchanges.of_run(tx, run_id)[0] == exchange
        assert exchanges.usage(tx, run_id) == exchanges.Usage(2, 10, 20, 10)
        assert exchanges.usage(tx, "nobody") == exchanges.Usage(0, 0, 0, 0)


def test_a_run_names_the_least_busy_live_host(database: Database) -> None:
    with database.begin() as tx:
        assert hosts.least_busy(tx) is None
        hosts.seen(tx, "here")
        hosts.seen(tx, "here")
        hosts.seen(tx, "there")
        runs.create(tx, event(), PROFILE, "here")
        assert hosts.least_busy(tx) == "there"
        tx.execute(update(host_table).where(host_table.c.name == "there").values(seen_at_ms=1))
        assert hosts.least_busy(tx) == "here"
        assert hosts.alive(tx) == ["here"]


def test_a_link_opens_one_session(database: Database) -> None:
    with database.begin() as tx:
        link = page_keys.new_link(tx)
        session = page_keys.open_session(tx, link)
        assert session is not None
        assert page_keys.open_session(tx, link) is None
        assert page_keys.open_session(tx, session) is None
        assert page_keys.is_session(tx, session)
        assert not page_keys.is_session(tx, link)
        old = page_keys.new_link(tx)
        tx.execute(update(key_table).values(expires_at_ms=now_ms() - 1))
        assert page_keys.open_session(tx, old) is None
        assert not page_keys.is_session(tx, session)


def test_a_write_that_fails_leaves_nothing(database: Database) -> None:
    def write_half() -> None:
        with database.begin() as tx:
            runs.create(tx, event(), PROFILE, "here")
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        write_half()
    with database.read() as tx:
        assert tx.execute(select(run_table.c.id)).all() == []


def test_many_writers_at_once_lose_nothing(database: Database) -> None:
    def write(number: int) -> None:
        with database.begin() as tx:
            inbox.store(tx, event(f"d-{number}"))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write, range(200)))
    with database.read() as tx:
        assert len(inbox.due(tx, 1000)) == 200
