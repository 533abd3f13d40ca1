"""The runner's question what people have said meanwhile, over real sockets."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest

from app.execute.gateway import runner_api
from app.ledger import messages, runs
from tests.app.execute.gateway.house import House, eventually


def ask_messages(door: httpx.Client, **query: Any) -> Any:
    answer = door.get("/runner/messages", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_messages_wait_and_are_confirmed(house: House) -> None:
    sandbox_id = house.sandbox()
    run_id = sandbox_id.partition("-")[0]
    door = house.claimed(sandbox_id)
    assert ask_messages(door) == {"messages": [], "cancel": False}

    got: list[Any] = []
    waiting = threading.Thread(target=lambda: got.append(ask_messages(door, after=0, wait=15)))
    waiting.start()
    with house.database.begin() as tx:
        messages.append(tx, run_id, inbox_id=1, author="ann", text="and the docs")
    waiting.join(20)
    number = got[0]["messages"][0]["id"]
    assert got[0] == {"messages": [{"id": number, "author": "ann", "text": "and the docs"}], "cancel": False}
    assert ask_messages(door, after=0) == got[0]
    assert ask_messages(door, after=number, wait="0.5") == {"messages": [], "cancel": False}
    with house.database.read() as tx:
        handed = tx.exec_driver_sql("SELECT handed_at_ms FROM messages").scalar_one()
    assert handed is not None


def test_messages_within_seconds_begin_one_turn(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked at the end of a turn, what would begin the next one is not cut into two while people still write."""
    monkeypatch.setattr(runner_api, "QUIET_MS", 600_000)
    monkeypatch.setattr(runner_api, "LONGEST_MS", 600_000)
    looks: list[object] = []
    real = messages.ages_ms

    def look(*asked: Any) -> tuple[int, int] | None:
        looks.append(asked)
        return real(*asked)

    monkeypatch.setattr(messages, "ages_ms", look)
    sandbox_id = house.sandbox(wants_messages=False, next_argv=["next"])
    run_id = sandbox_id.partition("-")[0]
    door = house.claimed(sandbox_id)
    with house.database.begin() as tx:
        messages.append(tx, run_id, inbox_id=1, author="ann", text="use tabs")
    got: list[Any] = []
    asking = threading.Thread(target=lambda: got.append(ask_messages(door, after=0, handed=0)))
    asking.start()
    eventually(lambda: len(looks) >= 2 or not asking.is_alive())
    assert asking.is_alive(), got
    with house.database.begin() as tx:
        messages.append(tx, run_id, inbox_id=2, author="ann", text="and spaces, too")
        tx.exec_driver_sql("UPDATE messages SET created_at_ms = created_at_ms - 700000")
    asking.join(20)
    assert [each["text"] for each in got[0]["messages"]] == ["use tabs", "and spaces, too"]
    # What does not wait for the end of a turn does not wait for anybody's pen either.
    with house.database.begin() as tx:
        messages.append(tx, run_id, inbox_id=3, author="ann", text="stop that", now=True)
    assert ask_messages(door, after=got[0]["messages"][-1]["id"], handed=0)["messages"][0]["text"] == "stop that"


def test_a_cancelled_or_ended_run_is_told_to_stop(house: House) -> None:
    sandbox_id = house.sandbox()
    with house.database.begin() as tx:
        runs.request_cancel(tx, sandbox_id.partition("-")[0])
    assert ask_messages(house.claimed(sandbox_id), wait=20) == {"messages": [], "cancel": True}


def test_a_sandbox_that_wants_no_messages_gets_none(house: House) -> None:
    sandbox_id = house.sandbox(role="verify", wants_messages=False)
    with house.database.begin() as tx:
        messages.append(tx, sandbox_id.partition("-")[0], inbox_id=1, author="ann", text="and the docs")
    assert ask_messages(house.claimed(sandbox_id), after=10**9) == {"messages": [], "cancel": False}
    with house.database.read() as tx:
        assert tx.exec_driver_sql("SELECT handed_at_ms FROM messages").scalar_one() is None


def test_r38_what_a_runner_has_seen_is_handed_over_when_it_says_so(house: House) -> None:
    """Of an agent that works in turns: what waits for its next turn is not lost with this one."""
    sandbox_id = house.sandbox(wants_messages=False, next_argv=["next"])
    run_id = sandbox_id.partition("-")[0]
    door = house.claimed(sandbox_id)
    with house.database.begin() as tx:
        messages.append(tx, run_id, inbox_id=1, author="ann", text="and the docs")
        messages.append(tx, run_id, inbox_id=2, author="bob", text="now this", now=True)
    first, second = ask_messages(door, after=0, handed=0, wait=5)["messages"]
    assert (first["text"], first.get("now"), second["now"]) == ("and the docs", None, True)
    assert ask_messages(door, after=second["id"], handed=0) == {"messages": [], "cancel": False}
    assert [each["id"] for each in ask_messages(door, after=0, handed=0)["messages"]] == [first["id"], second["id"]]
    assert ask_messages(door, after=second["id"], handed=first["id"])["messages"] == []
    with house.database.read() as tx:
        assert [row.id for row in messages.unhanded(tx, run_id)] == [second["id"]]
    # More than it has seen it cannot have handed over.
    ask_messages(door, after=first["id"], handed=10**9)
    with house.database.read() as tx:
        assert [row.id for row in messages.unhanded(tx, run_id)] == [second["id"]]
