"""Which runs can be repeated, and why the others cannot; and how two times are compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.core.assignment import Assignment, SandboxEnd
from app.core.outcome import NothingToDo, Outcome, Refused
from app.core.sandbox.setup import Setup
from app.errors import BellhopError
from app.ledger import exchanges, messages, runs, sandboxes
from app.ledger.database import Database
from app.ledger.exchanges import Exchange
from app.ledger.tables import metadata
from app.replay.recorded import VARIES, Recorded, read_recorded
from app.replay.rerun import Replayed
from app.replay.verdict import judge
from tests.app.ledger.make import PROFILE, event

END = SandboxEnd(reason="exited", exit_code=0)
FINE = NothingToDo(text="fine")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'ledger.db'}")
    metadata.create_all(made.engine)
    yield made
    made.close()


def over(
    database: Database, *, agent: str = "command", end: SandboxEnd | None = END, handed: bool = False, candidate: str | None = None,
    outcome: Outcome | None = FINE, response: bytes = b"{}", setup: Setup | None = None,
) -> str:
    """Put a run on file as it is when it is over."""
    profile = PROFILE.model_copy(update={"agent": PROFILE.agent.model_copy(update={"uses": agent}), "setup": setup})
    with database.begin() as tx:
        run_id = runs.create(tx, event(), profile, "here")
        assert run_id is not None
        lease = runs.take(tx, run_id, "test", 60)
        assert lease is not None
        runs.advance(tx, lease, "running", base_commit="b" * 40, candidate=candidate)
        assignment = Assignment(run_id=run_id, role="work", argv=("true",), timeout_seconds=60, idle_timeout_seconds=60)
        sandboxes.create(tx, sandbox_id=f"{run_id}-work", host="here", agent=agent, backend="fake", assignment=assignment,
                         ttl_seconds=60)
        if end is not None:
            sandboxes.ended(tx, f"{run_id}-work", end)
        asked: dict[str, Any] = dict.fromkeys(Exchange._fields)
        asked |= {
            "run_id": run_id, "sandbox_id": f"{run_id}-work", "api": "anthropic", "path": "/v1/messages",
            "request": b'{"model": "m"}', "status": 200, "content_type": "application/json", "response": response,
            "started_at_ms": 0, "duration_ms": 1,
        }
        exchanges.record(tx, Exchange(**asked))
        messages.append(tx, run_id, inbox_id=1, author="ada", text="hurry")
        if handed:
            messages.handed(tx, run_id, 10)
        if outcome is not None:
            runs.finish(tx, lease, outcome)
    return run_id


def read(database: Database, run_id: str) -> Recorded:
    with database.read() as tx:
        return read_recorded(tx, run_id)


@pytest.mark.parametrize("agent", ["command", "mini"])
def test_a_run_that_is_over_can_be_repeated(database: Database, agent: str) -> None:
    found = read(database, over(database, agent=agent))
    assert (found.tree, found.end, len(found.record.exchanges)) == (None, END, 1)


@pytest.mark.parametrize(("changes", "words"), [
    ({"agent": "claude"}, "only command and mini"),
    ({"outcome": None}, "still under way"),
    ({"end": None}, "never had a sandbox"),
    ({"end": SandboxEnd(reason="timeout")}, "did not end by itself (timeout)"),
    ({"setup": Setup.model_validate({"steps": [{"run": "npm ci"}]})}, "`setup:` had installed"),
    ({"handed": True}, "comments were handed to its agent"),
    ({"response": b"{}\n[bellhop: 17 more bytes not kept]"}, "was not kept whole"),
    ({"response": b"\xff"}, "cannot be replayed"),
    ({"outcome": Refused(reason="too_many_files", text="no")}, "refused before it was put on file"),
    ({"candidate": '{"git_dir": "/x", "commit": "c", "changes": []}'}, "an older release"),
])
def test_what_cannot_be_repeated_is_refused_with_its_reason(database: Database, changes: dict[str, Any], words: str) -> None:
    run_id = over(database, **changes)
    with pytest.raises(BellhopError, match=re.escape(words)) as refused:
        read(database, run_id)
    assert refused.value.reason == "cannot_replay"


def test_a_request_that_was_not_kept_is_refused_too(database: Database) -> None:
    run_id = over(database)
    with database.begin() as tx:
        tx.exec_driver_sql("UPDATE exchanges SET request = ?", (b"[bellhop: not kept, this sandbox's record is full]",))
    with pytest.raises(BellhopError, match="cannot be replayed"):
        read(database, run_id)


def test_a_run_that_is_not_there_is_said(database: Database) -> None:
    with pytest.raises(BellhopError, match="there is no run"):
        read(database, "nosuchrun")


@pytest.mark.parametrize(("changes", "words"), [
    ({}, ""),
    ({"tree": "1" * 40}, "another one: then no change, now tree 111"),
    ({"end": SandboxEnd(reason="exited", exit_code=1)}, "then exit code 0, now exit code 1"),
    ({"end": SandboxEnd(reason="lost")}, "then exit code 0, now lost"),
    ({"differences": ("exchange 0 was asked otherwise",)}, "asked otherwise"),
    ({"unplayed": ("exchange 0",)}, "it asked less: 1 of 1"),
])
def test_each_thing_that_differs_is_named(database: Database, changes: dict[str, Any], words: str) -> None:
    same = Replayed(backend="fake", end=END, tree=None, differences=(), unplayed=(), steps=0)
    verdict = judge(read(database, over(database)), same._replace(**changes))
    assert (verdict.is_same, words in " ".join(verdict.why)) == (not changes, True)


@pytest.mark.parametrize(("then", "now"), [
    ("Ran 3 tests in 0.012s", "Ran 3 tests in 1.2 s"),
    ("2026-11-21 16:03:17", "2027-01-02 00:00:01"), ("Sat Nov 21 16:03:17 2026 +0000", "Sun Nov 22 01:00:00 2026 +0100"),
    ("-rw-r--r-- 1 root root 5 Nov 21 16:03 a", "-rw-r--r-- 1 root root 5 Jan  1  2027 a"),
    ("[main 1234abc] mend", "[main fedcba9] mend"), ("/tmp/tmp.Abc1", "/tmp/tmp.Xyz9"), ("at 0x7f00aa11", "at 0x7f11bb22"),
])
def test_what_varies_by_itself_is_no_difference(then: str, now: str) -> None:
    assert _normalised(then) == _normalised(now)


def test_what_an_agent_did_is_one() -> None:
    assert _normalised("sed s/999/1000/") != _normalised("sed s/999/1001/")
    assert _normalised("1 passed") != _normalised("1 failed")


def _normalised(text: str) -> str:
    for each in VARIES:
        text = re.sub(each.pattern, each.replacement, text)
    return text
