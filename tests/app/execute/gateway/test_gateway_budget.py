"""T18, R24: what a run may use up of its models, kept by the gateway from what it has seen itself."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.core.line.budget import Budget, Price
from app.core.report import BudgetNote
from app.core.sandbox.door import DoorRules
from app.execute.gateway import runner_mail
from app.execute.gateway.admit import Target
from app.execute.gateway.allowance import Allowance
from app.execute.gateway.recorder import Recording
from app.execute.gateway.tokens import Tokens
from app.ledger import exchanges, reports, runs
from app.ledger.exchanges import Usage
from tests.app.execute.gateway.fake_model_api import FakeModelApi
from tests.app.execute.gateway.house import House, eventually

MESSAGES = "/anthropic/v1/messages"
PRICED = {"anthropic/m": Price(input=1_000_000, output=1_000_000)}


def rules(**budget: Any) -> dict[str, Any]:
    return {"door": DoorRules(budget=Budget(**budget))}


def notes(house: House, sandbox_id: str, count: int = 0) -> list[BudgetNote]:
    found: list[BudgetNote] = []

    def there() -> bool:
        with house.database.read() as tx:
            rows = reports.of_run(tx, sandbox_id.partition("-")[0])
        found[:] = [row.report for row in rows if isinstance(row.report, BudgetNote)]
        return len(found) >= count

    eventually(there)
    return found


def used(house: House, sandbox_id: str) -> Usage:
    with house.database.read() as tx:
        return exchanges.usage(tx, sandbox_id.partition("-")[0])


def ask(door: httpx.Client, **body: Any) -> int:
    return door.post(MESSAGES, json={"model": "m", **body}).status_code


@pytest.mark.parametrize(("budget", "words"), [
    ({"turns": 5}, ("turns", "4 of 5 turns", "5 of 5 turns")),
    ({"tokens": 40}, ("tokens", "32 of 40 tokens", "40 of 40 tokens")),
    ({"usd": 40, "prices": PRICED}, ("usd", "$32.00 of $40.00", "$40.00 of $40.00")),
], ids=["turns", "tokens", "usd"])
def test_t18_told_at_four_fifths_one_turn_at_the_whole_and_then_no_more(
    house: House, model_api: FakeModelApi, budget: dict[str, Any], words: tuple[str, str, str]
) -> None:
    """Each answer of the fake uses eight tokens."""
    sandbox_id = house.sandbox(wants_messages=False, **rules(**budget))
    door = house.door(sandbox_id)
    assert [ask(door) for _ in range(5)] == [200] * 5
    part, at_80, at_100 = words
    assert [(note.percent, note.of, note.text) for note in notes(house, sandbox_id, 2)] == [
        (80, part, f"{at_80} are used."), (100, part, f"{at_100} are used."),
    ]
    # Somebody is asked to look at the run for each note.
    eventually(lambda: len(house.ended) == 2)
    runner = house.claimed(sandbox_id)
    assert runner.get("/runner/messages?after=0&wait=0").json() == {"messages": [], "cancel": False}
    assert ask(door) == 200, "the one turn that is left"
    for _ in range(3):
        refused = door.post(MESSAGES, json={"model": "m"})
        assert (refused.status_code, refused.headers["x-should-retry"]) == (402, "false")
        assert refused.json()["error"]["type"] == "bellhop_budget"
        assert "budget is used up" in refused.json()["error"]["message"]
    assert len(model_api.asked) == 6
    assert runner.get("/runner/messages?after=0&wait=20").json() == {"messages": [], "cancel": False, "stop": "budget"}
    assert len(notes(house, sandbox_id)) == 2


def test_t18_what_has_no_model_speak_is_free(house: House) -> None:
    sandbox_id = house.sandbox(**rules(turns=1))
    door = house.door(sandbox_id)
    assert (ask(door), ask(door), ask(door)) == (200, 200, 402)
    assert door.post("/anthropic/v1/messages/count_tokens", json={"model": "m"}).status_code == 200
    assert door.post("/gemini/v1beta/models/m:countTokens", json={"contents": []}).status_code == 200
    assert door.get("/openai/v1/models").status_code == 200
    assert door.post("/openai/v1/responses", json={"model": "m"}).status_code == 402
    gemini = door.post("/gemini/v1beta/models/m:generateContent", json={"contents": []})
    assert (gemini.status_code, gemini.json()["error"]["status"]) == (402, "FAILED_PRECONDITION")
    eventually(lambda: used(house, sandbox_id).exchanges == 5)
    assert used(house, sandbox_id).turns == 2


def test_t18_an_answer_that_is_none_costs_no_turn_not_even_the_last(house: House, model_api: FakeModelApi) -> None:
    sandbox_id = house.sandbox(**rules(turns=1))
    door = house.door(sandbox_id)
    assert [ask(door, behave=status) for status in (500, 400, "redirect")] == [500, 400, 502]
    assert ask(door) == 200
    assert ask(door, behave=500) == 500
    assert (ask(door), ask(door)) == (200, 402)
    assert len(model_api.asked) == 6


def test_t18_all_sandboxes_of_a_run_have_one_budget(house: House) -> None:
    first = house.sandbox(**rules(turns=2))
    assert ask(house.door(first)) == 200
    eventually(lambda: used(house, first).turns == 1)
    other = house.sandbox(run_id=first.partition("-")[0], role="verify", **rules(turns=2))
    assert [ask(house.door(other)) for _ in range(3)] == [200, 200, 402]
    assert ask(house.door(first)) == 402
    # The other one has its own runner, which is told when its own sandbox asks in vain.
    assert house.claimed(first).get("/runner/messages?wait=20").json()["stop"] == "budget"


@pytest.mark.parametrize("after", [1, 2, 3])
def test_t18_a_restart_forgets_nothing(house: House, model_api: FakeModelApi, after: int) -> None:
    sandbox_id = house.sandbox(**rules(turns=2))
    statuses = []
    for turn in range(5):
        if turn == after:
            eventually(lambda: used(house, sandbox_id).turns == after)
            house.stop()
            house.start()
        statuses.append(ask(house.door(sandbox_id)))
    assert statuses == [200, 200, 200, 402, 402]
    assert [note.percent for note in notes(house, sandbox_id)] == [100]


def test_t18_many_at_once_have_one_last_turn(house: House, model_api: FakeModelApi) -> None:
    sandbox_id = house.sandbox(wants_messages=False, **rules(turns=4))
    door = house.door(sandbox_id)
    with ThreadPoolExecutor(10) as pool:
        held = [pool.submit(ask, door, behave="held") for _ in range(4)]
        eventually(lambda: model_api.held == 4)
        model_api.go_on = True
        assert [each.result(20) for each in held] == [200] * 4
        eventually(lambda: used(house, sandbox_id).turns == 4)
        together = threading.Barrier(10)

        def one(_: int) -> int:
            together.wait()
            return ask(door)

        assert sorted(pool.map(one, range(10))) == [200] + [402] * 9
    assert len(model_api.asked) == 5
    assert [note.percent for note in notes(house, sandbox_id)] == [100]


@pytest.mark.parametrize("budget", [
    {"turns": 2}, {"tokens": 3_000}, {"usd": 3_000, "prices": PRICED},
], ids=["turns", "tokens", "usd"])
def test_t18_many_at_once_do_not_get_past_what_is_left(
    house: House, model_api: FakeModelApi, budget: dict[str, Any]
) -> None:
    """Two that could use it up between them are under way: whoever comes meanwhile waits, and asks when there is room."""
    sandbox_id = house.sandbox(wants_messages=False, **rules(**budget))
    door = house.door(sandbox_id)
    with ThreadPoolExecutor(10) as pool:
        held = [pool.submit(ask, door, behave="held", max_tokens=1_600) for _ in range(10)]
        eventually(lambda: model_api.held == 2)
        # One that waits and leaves is not asked, and keeps nobody.
        with pytest.raises(httpx.ReadTimeout):
            door.post(MESSAGES, json={"model": "m", "max_tokens": 1_600}, timeout=0.3)
        assert len(model_api.asked) == 2
        model_api.go_on = True
        statuses = sorted(each.result(20) for each in held)
    if "turns" in budget:
        assert statuses == [200] * 3 + [402] * 7
        assert len(model_api.asked) == 3
    else:
        # They used far less than they could have.
        assert statuses == [200] * 10


def test_t18_time_counts_where_no_usage_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that thinks for long and is left before it says so."""
    recording = Recording(Target("openai", "POST", "/v1/responses"), b"x" * 400, Allowance(0).share().__enter__(), "m")
    recording.begin(200, "text/event-stream")
    monkeypatch.setattr(recording, "_started", recording._started - 60.5)
    assert recording.tokens() == Tokens(input=100, output=3_000)
    monkeypatch.setattr(recording, "_started", recording._started - 60)
    assert recording.tokens() == Tokens(input=100, output=3_000), "what is settled is what is on record"


@pytest.mark.parametrize("hears", [{"wants_messages": True}, {"wants_messages": False, "next_argv": ["next"]}], ids=["stdin", "turns"])
def test_t18_the_agent_is_told_before_it_can_ask_again(
    house: House, monkeypatch: pytest.MonkeyPatch, hears: dict[str, Any]
) -> None:
    """The end of the answer that used up the budget waits until the runner has handed the words on."""
    monkeypatch.setattr(runner_mail, "_HEARING_SECONDS", 20.0)
    sandbox_id = house.sandbox(**hears, **rules(turns=1))
    runner = house.claimed(sandbox_id)
    heard: list[Any] = []
    handed_on: list[bool] = []

    def listen() -> None:
        while not heard:
            heard.extend(runner.get("/runner/messages?after=3&wait=10").json()["messages"])
        # As long as a runner can take to write them to the agent's standard input; its next call says that it has.
        threading.Event().wait(0.3)
        handed_on.append(True)
        runner.get("/runner/messages?after=3&wait=0")

    listener = threading.Thread(target=listen)
    listener.start()
    assert ask(house.door(sandbox_id)) == 200
    assert handed_on, "the answer was over before the words were handed on"
    listener.join(10)
    [message] = heard
    assert (message["id"], message["author"], message["now"], message["last"]) == (3, "Bellhop", True, True)
    assert "1 of 1 turns" in message["text"]
    assert "one more answer" in message["text"]
    assert runner.get("/runner/messages?after=3&wait=0").json()["messages"] == []


def test_t18_an_unknown_price_is_said_once_and_the_other_bounds_hold(house: House) -> None:
    sandbox_id = house.sandbox(**rules(usd=0.000001, turns=3))
    door = house.door(sandbox_id)
    assert [ask(door) for _ in range(5)] == [200, 200, 200, 200, 402]
    eventually(lambda: used(house, sandbox_id).turns == 4)
    said = [row.step for row in house.steps(sandbox_id) if "price" in row.step.text]
    assert [(step.kind, step.data) for step in said] == [("log", {"stream": "gateway"})]
    assert "anthropic/m is not known" in said[0].text
    assert used(house, sandbox_id)[-3:] == (4, 0, 4)


def test_t18_what_is_priced_is_on_record_with_its_cache(house: House, model_api: FakeModelApi) -> None:
    model_api.usage = {"input_tokens": 10, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 900, "output_tokens": 20}
    sandbox_id = house.sandbox()
    assert house.door(sandbox_id).post(MESSAGES, json={"model": "claude-sonnet-4-5"}).status_code == 200
    eventually(lambda: used(house, sandbox_id).turns == 1)
    with house.database.read() as tx:
        [kept] = exchanges.of_run(tx, sandbox_id.partition("-")[0])
    assert kept[-4:] == (90, 900, "anthropic/claude-sonnet-4-5", 3732)
    assert (kept.input_tokens, kept.output_tokens) == (1000, 20)


STREAM = "/gemini/v1beta/models/m:streamGenerateContent?alt=sse"
LONG = {"contents": [{"parts": [{"text": "x" * 10_000}]}]}


@pytest.mark.parametrize("behave", ["silent", "held"])
def test_t18_who_hangs_up_pays_all_the_same(house: House, model_api: FakeModelApi, behave: str) -> None:
    """An agent must not get a model's work past its budget by leaving before the usage is told."""
    model_api.behave = behave
    sandbox_id = house.sandbox(**rules(turns=1))
    door = house.door(sandbox_id)
    with pytest.raises(httpx.ReadTimeout):
        door.post(STREAM, json=LONG, timeout=0.3)
    eventually(lambda: used(house, sandbox_id).turns == 1)
    assert used(house, sandbox_id).input_tokens >= 2_500
    assert used(house, sandbox_id).output_tokens > 0 or behave == "silent"
    model_api.behave = "ok"
    assert (ask(door), ask(door)) == (200, 402)


def test_t18_a_stream_that_names_no_usage_is_counted_by_its_size(house: House, model_api: FakeModelApi) -> None:
    """Chat Completions names none unless the client asks for it; here the fake speaks another vendor's form."""
    model_api.behave = "stream"
    sandbox_id = house.sandbox()
    assert house.door(sandbox_id).post(STREAM, json=LONG).status_code == 200
    eventually(lambda: used(house, sandbox_id).turns == 1)
    assert used(house, sandbox_id).input_tokens >= 2_500
    assert used(house, sandbox_id).output_tokens > 0


def test_t18_no_model_is_asked_where_the_ledger_does_not_say_what_was_spent(house: House, model_api: FakeModelApi) -> None:
    sandbox_id = house.sandbox()
    with house.database.begin() as tx:
        tx.execute(text("ALTER TABLE exchanges RENAME TO gone"))
    assert ask(house.door(sandbox_id)) == 503
    assert model_api.asked == []


def test_t18_a_refusal_that_the_ledger_did_not_take_is_on_record_with_the_next(house: House) -> None:
    sandbox_id = house.sandbox(**rules(turns=1))
    door = house.door(sandbox_id)
    assert [ask(door), ask(door)] == [200, 200]
    eventually(lambda: used(house, sandbox_id).turns == 2)
    with house.database.begin() as tx:
        tx.execute(text("ALTER TABLE stages RENAME TO gone"))
    assert ask(door) == 503
    with house.database.begin() as tx:
        tx.execute(text("ALTER TABLE gone RENAME TO stages"))
    assert ask(door) == 402
    with house.database.read() as tx:
        assert "budget-refused" in [name for name, _ in runs.timeline(tx, sandbox_id.partition("-")[0])]


def test_t18_a_refusal_is_on_record_for_who_judges_the_run(house: House) -> None:
    sandbox_id = house.sandbox(**rules(turns=1))
    door = house.door(sandbox_id)
    assert [ask(door) for _ in range(4)] == [200, 200, 402, 402]
    eventually(lambda: used(house, sandbox_id).turns == 2)
    with house.database.read() as tx:
        marks = [name for name, _ in runs.timeline(tx, sandbox_id.partition("-")[0])]
    assert marks.count("last-turn") == marks.count("budget-refused") == 1
