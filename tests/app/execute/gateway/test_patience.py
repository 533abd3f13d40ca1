"""A model that is down is said to be, to clients that would try for minutes."""

from __future__ import annotations

import httpx
import pytest

from app.core.assignment import SandboxEnd
from app.core.sandbox.door import DoorRules
from app.execute.gateway.patience import FORGETS_AFTER_SECONDS, MOST_FAILURES, Patience
from app.ledger import exchanges
from tasks.finishing.model_trouble import model_trouble
from tests.app.execute.gateway.fake_model_api import FakeModelApi
from tests.app.execute.gateway.house import House, eventually

MESSAGES = "/anthropic/v1/messages"


def test_a_row_of_failures_is_needed() -> None:
    patience = Patience()
    for failed in (*[True] * (MOST_FAILURES - 1), False, True):
        patience.note("opus", 502, failed=failed, began=10, now=10)
    assert patience.out("opus", 10) is None
    for _ in range(MOST_FAILURES - 1):
        patience.note("opus", 529, failed=True, began=11, now=11)
    assert patience.out("opus", 11) == 529
    assert patience.out("opus", 11 + FORGETS_AFTER_SECONDS - 1) == 529
    assert patience.out("haiku", 11) is None


def test_a_row_is_forgotten_by_whoever_comes_later() -> None:
    """It may be another turn, an hour later, which is not over at its first failure."""
    patience = Patience()
    for _ in range(MOST_FAILURES):
        patience.note("opus", 502, failed=True, began=11, now=11)
    later = 11 + FORGETS_AFTER_SECONDS
    assert patience.out("opus", later) is None
    patience.note("opus", 502, failed=True, began=later, now=later + 1)
    assert patience.out("opus", later + 1) is None


def test_a_model_that_takes_long_to_fail_is_out_too() -> None:
    patience = Patience()
    for number in range(MOST_FAILURES):
        patience.note("opus", 502, failed=True, began=300 * number, now=300 * (number + 1) - 1)
    assert patience.out("opus", 300 * MOST_FAILURES) == 502


def test_what_was_under_way_at_one_failure_is_no_row() -> None:
    """Three subagents of one agent lose their answers to the same interruption."""
    patience = Patience()
    for now in range(20, 20 + MOST_FAILURES):
        patience.note("opus", 200, failed=True, began=10, now=now)
    assert patience.out("opus", 20 + MOST_FAILURES) is None


def test_r24_a_model_that_is_down_is_not_asked_for_minutes(house: House, model_api: FakeModelApi) -> None:
    door = house.door(house.sandbox())
    asks = {"behave": "redirect"}
    assert [door.post(MESSAGES, json=asks).status_code for _ in range(MOST_FAILURES)] == [502] * MOST_FAILURES
    asked = len(model_api.asked)
    answer = door.post(MESSAGES, json=asks)
    assert (answer.status_code, answer.headers["x-should-retry"]) == (424, "false")
    assert answer.json()["error"]["type"] == "bellhop_model_down"
    assert len(model_api.asked) == asked
    # Another sandbox finds out for itself.
    assert house.door(house.sandbox()).post(MESSAGES, json={}).status_code == 200


def test_r24_a_model_that_asks_for_a_moments_peace_is_not_down(house: House) -> None:
    door = house.door(house.sandbox())
    assert [door.post(MESSAGES, json={"behave": 503}).status_code for _ in range(MOST_FAILURES + 1)] == [503] * (MOST_FAILURES + 1)


def test_r24_answers_that_break_off_are_failures_too(house: House) -> None:
    door = house.door(house.sandbox())
    for _ in range(MOST_FAILURES):
        with pytest.raises(httpx.RemoteProtocolError):
            door.post(MESSAGES, json={"behave": "drop"})
    assert door.post(MESSAGES, json={}).status_code == 424


def test_r24_a_client_that_does_not_wait_says_nothing_of_the_model(house: House, model_api: FakeModelApi) -> None:
    door = house.door(house.sandbox())
    for number in range(MOST_FAILURES):
        with door.stream("POST", MESSAGES, json={"behave": "held"}):
            pass
        eventually(lambda number=number: model_api.cut == number + 1)  # type: ignore[misc]
    assert door.post(MESSAGES, json={}).status_code == 200


def test_r24_one_model_that_is_down_is_not_another(house: House, model_api: FakeModelApi) -> None:
    """An agent that has a small model look at its titles goes on when that one is out of quota."""
    model_api.busy["haiku"] = (429, {})
    door = house.door(house.sandbox())
    assert [door.post(MESSAGES, json={"model": "haiku"}).status_code for _ in range(MOST_FAILURES + 1)] == [429] * MOST_FAILURES + [424]
    assert door.post(MESSAGES, json={"model": "opus"}).status_code == 200


def test_r24_what_has_no_model_speak_says_nothing_of_it(house: House) -> None:
    door = house.door(house.sandbox())
    for _ in range(MOST_FAILURES):
        assert door.post(MESSAGES, json={"behave": "redirect"}).status_code == 502
        # An API that is of the vendor's make and not the vendor's own may count no tokens.
        assert door.post(f"{MESSAGES}/count_tokens", json={"behave": 404}).status_code == 404
    assert door.post(MESSAGES, json={}).status_code == 424


def test_r24_a_fallback_that_fails_too_is_not_asked_for_minutes(house: House, model_api: FakeModelApi) -> None:
    model_api.busy |= {"opus": (529, {}), "haiku": (529, {})}
    door = house.door(house.sandbox(door=DoorRules(fallback_model="anthropic/haiku")))
    assert [door.post(MESSAGES, json={"model": "opus"}).status_code for _ in range(MOST_FAILURES + 1)] == [529] * MOST_FAILURES + [424]
    assert len(model_api.asked) == 2 * MOST_FAILURES


def test_r24_that_it_is_not_asked_is_on_record(house: House) -> None:
    """By it the run is judged: answers that broke off look well there."""
    sandbox_id = house.sandbox()
    door = house.door(sandbox_id)
    for _ in range(MOST_FAILURES):
        with pytest.raises(httpx.RemoteProtocolError):
            door.post(MESSAGES, json={"behave": "drop"})
    door.post(MESSAGES, json={})
    with house.database.read() as tx:
        last = exchanges.last_answer(tx, sandbox_id)
    assert last is not None
    outcome = model_trouble(SandboxEnd(reason="exited", exit_code=1), last, (), "it gave up")
    assert outcome is not None
    assert outcome.reason == "model_unreachable"
