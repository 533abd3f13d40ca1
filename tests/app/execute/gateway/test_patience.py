"""A model that is down is said to be, to clients that would try for minutes."""

from __future__ import annotations

import httpx
import pytest

from app.execute.gateway.patience import FORGETS_AFTER_SECONDS, MOST_FAILURES, Patience
from tests.app.execute.gateway.fake_model_api import FakeModelApi
from tests.app.execute.gateway.house import House, eventually

MESSAGES = "/anthropic/v1/messages"


def test_a_row_of_failures_is_needed_and_forgotten_again() -> None:
    patience = Patience()
    for failed in (*[True] * (MOST_FAILURES - 1), False, True):
        patience.note(failed=failed, now=10)
    assert not patience.is_out(10)
    for _ in range(MOST_FAILURES - 1):
        patience.note(failed=True, now=11)
    assert patience.is_out(11)
    assert patience.is_out(11 + FORGETS_AFTER_SECONDS - 1)
    assert not patience.is_out(11 + FORGETS_AFTER_SECONDS)


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
