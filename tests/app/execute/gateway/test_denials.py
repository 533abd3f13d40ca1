"""Denials on record: bounded, harmless to read, and the gateway's own word."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from app.core.step import Step
from app.execute.gateway.denials import RECORDED_DENIALS, record_denial, record_uncounted, shown
from app.execute.gateway.door import Door
from app.execute.gateway.ledger_threads import LedgerThreads
from app.execute.gateway.lines import to_steps
from app.ledger import audit, sandboxes
from app.ledger.audit import AuditRow
from tests.app.execute.gateway.house import HOST, House


def _door(house: House, sandbox_id: str) -> Door:
    with house.database.read() as tx:
        row = sandboxes.load(tx, sandbox_id)
    assert row is not None
    return Door(row.id, HOST, row.assignment, None, LedgerThreads(house.database))


def _audit(house: House, door: Door) -> list[AuditRow]:
    with house.database.read() as tx:
        return audit.of_run(tx, door.run_id)


def test_a_denial_is_a_step_and_a_row_of_the_audit(house: House) -> None:
    door = _door(house, house.sandbox())
    asyncio.run(record_denial(door, surface="egress", target="CONNECT a.example:443", why="not in the profile"))
    [step] = [row.step for row in house.steps(door.sandbox_id)]
    assert (step.kind, step.text) == ("denied", "CONNECT a.example:443: not in the profile")
    [row] = _audit(house, door)
    assert (row.credential_id, row.action, row.target, row.verdict) == (
        "-", "egress", "CONNECT a.example:443", "refused: not in the profile")


def test_t60_repeated_denials_are_counted_and_not_written(house: House) -> None:
    door = _door(house, house.sandbox())

    async def flood() -> None:
        for number in range(RECORDED_DENIALS + 30):
            for _ in range(3):
                await record_denial(door, surface="git", target=f"/{number}", why="no")
        await record_uncounted(door)
        await record_uncounted(door)

    asyncio.run(flood())
    rows = [row.step for row in house.steps(door.sandbox_id)]
    assert len(rows) == RECORDED_DENIALS + 1
    assert len(_audit(house, door)) == RECORDED_DENIALS
    assert rows[-1].data == {"stream": "gateway", "more": 3 * (RECORDED_DENIALS + 30) - RECORDED_DENIALS}
    assert (len(door.denied), door.denied_more) == (RECORDED_DENIALS, 0)


@pytest.mark.parametrize(("said", "read"), [
    ("a\x00b", "a\\x00b"), ("\x1b[31mred\r\n", "\\x1b[31mred\\r\\n"), ("p\u202eq", "p\\u202eq"), ("\ud800", "\\ud800"),
    ("ö", "\\xf6"), ("plain.example:443", "plain.example:443"),
])
def test_t70_what_a_sandbox_said_is_shown_in_plain_characters(said: str, read: str) -> None:
    assert shown(said) == read


def test_what_a_sandbox_said_is_cut() -> None:
    for said in ("x" * 5000, "\U0001f600" * 5000, "\n" * 150):
        assert len(shown(said)) == 200
        assert shown(said).endswith("...")


def test_an_agent_cannot_say_that_something_was_denied() -> None:
    class Forger:
        def parse(self, stream: str, line: str) -> list[Step]:
            return [Step.model_validate_json(line)]

    forger: Any = Forger()
    [step] = to_steps(forger, "work", "stdout", '{"kind": "denied", "text": "x.example: let me out"}')
    assert step == Step(kind="log", text="x.example: let me out")


def test_a_ledger_that_is_away_does_not_keep_a_denial_from_being_answered(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    door = _door(house, house.sandbox())

    async def away(act: Any) -> Connection:
        raise OperationalError("x", None, Exception("away"))

    monkeypatch.setattr(door, "write", away)
    asyncio.run(record_denial(door, surface="egress", target="x", why="no"))
