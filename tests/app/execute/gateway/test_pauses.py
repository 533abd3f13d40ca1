"""R24: Retry-After is obeyed, by everybody on the host, and another model is asked where the profile names one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.core.sandbox.door import DoorRules
from app.execute.gateway.pauses import MOST_SECONDS, Pause, Pauses, retry_after_seconds
from app.ledger import audit, exchanges
from app.ledger.exchanges import Exchange
from tests.app.execute.gateway.fake_model_api import FakeModelApi
from tests.app.execute.gateway.house import House, eventually

MESSAGES = "/anthropic/v1/messages"
NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(("headers", "expected"), [
    ({"retry-after": "7"}, 7), ({"retry-after": "0"}, 0), ({"retry-after": "1.5"}, 1.5),
    ({"retry-after": "Sun, 01 Mar 2026 12:00:30 GMT"}, 30), ({"retry-after": "Sun, 01 Mar 2026 11:00:00 GMT"}, 0),
    ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5), ({"retry-after": "9" * 400}, MOST_SECONDS),
    ({}, None), ({"retry-after": "soon"}, None), ({"retry-after": "-5"}, None), ({"retry-after": "nan"}, None),
    ({"retry-after": "²"}, None), ({"retry-after": "Sun, 99 Mar 2026 12:00:30 GMT"}, None), ({"retry-after-ms": "x"}, None),
    ({"retry-after": "Sun, 01 Mar 2026 12:00:30"}, None),
], ids=repr)
def test_retry_after(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after_seconds(headers, NOW) == expected


def test_a_pause_is_by_model_bounded_and_over_in_time() -> None:
    pauses = Pauses()
    pauses.note("anthropic", "m", 429, 10_000.0, now=100.0)
    assert pauses.left("anthropic", "m", now=100.0) == Pause(429, 600)
    assert pauses.left("anthropic", "m", now=699.5) == Pause(429, 1)
    assert pauses.left("anthropic", "m", now=700.0) is None
    assert pauses.left("anthropic", "other", now=100.0) is None
    assert pauses.left("openai", "m", now=100.0) is None


@pytest.mark.parametrize(("status", "seconds"), [(429, None), (429, 0.0), (500, 9.0), (401, 9.0), (200, 9.0)])
def test_what_starts_no_pause(status: int, seconds: float | None) -> None:
    pauses = Pauses()
    pauses.note("openai", "m", status, seconds, now=0.0)
    assert pauses.left("openai", "m", now=0.0) is None


def test_an_answer_ends_a_pause() -> None:
    pauses = Pauses()
    pauses.note("openai", "m", 529, 9.0, now=0.0)
    pauses.note("openai", "m", 200, None, now=1.0)
    assert pauses.left("openai", "m", now=1.0) is None


def kept(house: House, sandbox_id: str, count: int) -> list[Exchange]:
    found: list[Exchange] = []

    def there() -> bool:
        with house.database.read() as tx:
            found[:] = exchanges.of_run(tx, sandbox_id.partition("-")[0])
        return len(found) >= count

    eventually(there)
    return found


@pytest.mark.parametrize("asked", [{"retry-after": "3600"}, {"retry-after": "61"}, {"retry-after-ms": "90000", "x-should-retry": "true"}], ids=repr)
def test_r24_an_agent_is_not_told_to_sit_still_for_long(house: House, model_api: FakeModelApi, asked: dict[str, str]) -> None:
    """Clients that obey it say nothing for that long, and their run is ended as idle."""
    model_api.busy["m"] = (429, asked)
    door = house.door(house.sandbox())
    # The vendor's own answer, and the gateway's in its place.
    for _ in range(2):
        answer = door.post(MESSAGES, json={"model": "m"})
        assert answer.status_code == 429
        assert not answer.headers.keys() & {"retry-after", "retry-after-ms"}
        assert answer.headers.get_list("x-should-retry") == ["false"]
        assert int(answer.headers["x-bellhop-retry-after"]) >= 55
    assert len(model_api.asked) == 1


@pytest.mark.parametrize("status", [429, 503, 529])
def test_r24_whoever_asks_meanwhile_is_answered_here(house: House, model_api: FakeModelApi, status: int) -> None:
    model_api.busy["m"] = (status, {"retry-after": "59"})
    first, second = house.sandbox(), house.sandbox()
    assert house.door(first).post(MESSAGES, json={"model": "m"}).status_code == status
    answer = house.door(second).post(MESSAGES, json={"model": "m"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, "bellhop_wait")
    assert 40 < int(answer.headers["retry-after"]) <= 59
    assert "x-should-retry" not in answer.headers
    assert len(model_api.asked) == 1
    [exchange] = kept(house, second, 1)
    assert (exchange.status, exchange.model) == (status, "anthropic/m")
    with house.database.read() as tx:
        [row] = audit.of_run(tx, second.partition("-")[0])
    assert row.verdict == f"{status} not asked: it wants to be left alone"
    # Nobody else is held up.
    assert house.door(second).post(MESSAGES, json={"model": "n"}).status_code == 200


def test_r24_it_is_asked_again_when_the_time_is_over(house: House, model_api: FakeModelApi) -> None:
    model_api.busy["m"] = (429, {"retry-after-ms": "40"})
    door = house.door(house.sandbox())
    assert door.post(MESSAGES, json={"model": "m"}).status_code == 429
    model_api.busy.clear()
    eventually(lambda: door.post(MESSAGES, json={"model": "m"}).status_code == 200)


RULES = DoorRules(fallback_model="anthropic/spare")


@pytest.mark.parametrize("status", [429, 500, 503, 529])
def test_r24_another_model_is_asked_once_and_that_is_said_once(house: House, model_api: FakeModelApi, status: int) -> None:
    model_api.busy["m"] = (status, {})
    sandbox_id = house.sandbox(door=RULES)
    door = house.door(sandbox_id)
    body = {"model": "m", "max_tokens": 3, "messages": [{"role": "user", "content": "h\u00e4"}]}
    for _ in range(2):
        assert door.post(MESSAGES + "?beta=true", json=body).status_code == 200
    assert [asked.query for asked in model_api.asked] == ["beta=true"] * 4
    bodies = [asked.body.decode() for asked in model_api.asked]
    assert ['"m"' in each for each in bodies] == [True, False, True, False]
    assert all('"spare"' in each for each in bodies[1::2])
    # Each is on record once its answer is over, so that two may change places.
    found = sorted(kept(house, sandbox_id, 4), key=lambda each: (each.model or "", each.status))
    assert [(each.status, each.model) for each in found] == [(status, "anthropic/m")] * 2 + [(200, "anthropic/spare")] * 2
    said = [row.step.text for row in house.steps(sandbox_id) if "asked instead" in row.step.text]
    assert said == ["m is overloaded or out of quota: spare is asked instead."]
    with house.database.read() as tx:
        assert exchanges.usage(tx, sandbox_id.partition("-")[0]).turns == 2


def test_r24_the_spare_is_asked_at_once_while_the_first_wants_to_be_left_alone(house: House, model_api: FakeModelApi) -> None:
    model_api.busy["m"] = (429, {"retry-after": "60"})
    door = house.door(house.sandbox(door=RULES))
    for _ in range(2):
        assert door.post(MESSAGES, json={"model": "m"}).status_code == 200
    assert len(model_api.asked) == 3


def test_r24_a_spare_that_fails_too_is_told_as_it_is(house: House, model_api: FakeModelApi) -> None:
    model_api.busy |= {"m": (529, {}), "spare": (500, {"retry-after": "7"})}
    answer = house.door(house.sandbox(door=RULES)).post(MESSAGES, json={"model": "m"})
    assert (answer.status_code, answer.headers["retry-after"]) == (500, "7")
    assert len(model_api.asked) == 2


@pytest.mark.parametrize(("asked", "models", "fallback"), [
    ("m", ("anthropic/m",), "anthropic/spare"), ("m", ("anthropic/*",), "openai/spare"), ("spare", ("anthropic/*",), "anthropic/spare"),
    ("m", ("anthropic/*",), "anthropic/"), ("m", ("anthropic/*",), None),
], ids=["not admitted", "another vendor", "itself", "no name", "none"])
def test_r24_no_other_model_is_asked_than_may_be(
    house: House, model_api: FakeModelApi, asked: str, models: tuple[str, ...], fallback: str | None
) -> None:
    model_api.busy[asked] = (529, {})
    door = house.door(house.sandbox(models=models, door=DoorRules(fallback_model=fallback)))
    assert door.post(MESSAGES, json={"model": asked}).status_code == 529
    assert len(model_api.asked) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_r24_what_another_model_would_not_mend_is_passed_on(house: House, model_api: FakeModelApi, status: int) -> None:
    model_api.busy["m"] = (status, {})
    assert house.door(house.sandbox(door=RULES)).post(MESSAGES, json={"model": "m"}).status_code == status
    assert len(model_api.asked) == 1


def test_r24_at_gemini_the_path_names_the_spare(house: House, model_api: FakeModelApi) -> None:
    model_api.busy["gemini-2.5-pro"] = (503, {})
    door = house.door(house.sandbox(door=DoorRules(fallback_model="gemini/gemini-2.5-flash")))
    answer = door.post("/gemini/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse", json={"contents": []})
    assert answer.status_code == 200
    assert [(asked.path, asked.query) for asked in model_api.asked] == [
        (f"/v1beta/models/gemini-2.5-{name}:streamGenerateContent", "alt=sse") for name in ("pro", "flash")
    ]
