"""Scripts: which turn a request gets, what is refused, and what is kept of it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from app.emulators.model import ANTHROPIC_KEY, OPENAI_KEY, Script, load_script
from app.errors import ConfigurationError
from tests.app.emulators.model.model_kit import (
    ANTHROPIC_HEADERS,
    FORMS,
    OPENAI_HEADERS,
    PATHS,
    Served,
    body,
    headers,
    said_in,
    served,
)

COUNTING = {"turns": [{"text": f"turn {number}"} for number in range(3)]}


def message_of(answer: Any) -> str:
    return str(answer.json()["error"]["message"])


@pytest.mark.parametrize("form", FORMS)
def test_the_place_in_the_conversation_picks_the_turn(form: str) -> None:
    with served(COUNTING) as found:
        for number in (0, 2, 1, 1):
            said = ["go", *["well", "go on"] * number]
            assert said_in(form, found.ask(form, *said)) == f"turn {number}"
        assert found.emulator.failures == []
        assert found.emulator.unplayed() == []


@pytest.mark.parametrize("form", FORMS)
def test_a_script_that_has_run_out_fails_and_is_held(form: str) -> None:
    with served({"turns": [{"text": "only this"}]}) as found:
        answer = found.ask(form, "go", "only this", "and now?")
        assert answer.status_code == 500
        assert "the script has run out" in message_of(answer)
        assert "turn 1" in message_of(answer)
        # Or the vendors' clients would send it again and again.
        assert answer.headers["x-should-retry"] == "false"
        assert found.emulator.failures == [message_of(answer)]
        assert found.emulator.unplayed() == ["conversation 0, turn 0"]


@pytest.mark.parametrize("form", FORMS)
def test_an_expectation_that_is_not_met_fails_and_is_held(form: str) -> None:
    turns = [{"text": "a"}, {"text": "b", "expect": ["^exit 0$", "tests? passed"]}]
    with served({"turns": turns}) as found:
        assert said_in(form, found.ask(form, "go", "a", "3 tests passed\nexit 0")) == "b"
        assert found.emulator.failures == []
        wrong = found.ask(form, "3 tests passed\nexit 0", "a", "3 tests passed\nexit 1")
        assert wrong.status_code == 500
        assert "'^exit 0$'" in message_of(wrong)
        assert "exit 1" in message_of(wrong)
        assert found.emulator.failures == [message_of(wrong)]


def tool_results(form: str, result: str, calls: int = 2) -> dict[str, Any]:
    """Return a request in which the model has made parallel calls and each has its result."""
    request = body(form, "go")
    numbers = range(calls)
    if form == "messages":
        request["messages"] += [
            {"role": "assistant", "content": [{"type": "tool_use", "id": f"t{n}", "name": "bash", "input": {}} for n in numbers]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": f"t{n}", "content": [{"type": "text", "text": f"{n} {result}"}]}
                for n in numbers
            ]},
        ]
    elif form == "chat":
        function = {"name": "bash", "arguments": "{}"}
        made = [{"id": f"t{n}", "type": "function", "function": function} for n in numbers]
        request["messages"] += [
            {"role": "assistant", "content": None, "tool_calls": made},
            *[{"role": "tool", "tool_call_id": f"t{n}", "content": f"{n} {result}"} for n in numbers],
        ]
    else:
        request["input"] += [
            {"type": "reasoning", "summary": []},
            *[{"type": "function_call", "call_id": f"t{n}", "name": "bash", "arguments": "{}"} for n in numbers],
            *[{"type": "function_call_output", "call_id": f"t{n}", "output": f"{n} {result}"} for n in numbers],
        ]
    return request


@pytest.mark.parametrize("form", FORMS)
def test_parallel_calls_are_one_turn_and_their_results_are_what_came_last(form: str) -> None:
    turns = [{"text": "a"}, {"text": "b", "expect": ["0 fine", "1 fine"]}, {"text": "c"}]
    with served({"turns": turns}) as found:
        assert said_in(form, found.post(form, tool_results(form, "fine"))) == "b"
        assert found.post(form, tool_results(form, "bad")).status_code == 500


@pytest.mark.parametrize("form", FORMS)
def test_a_call_of_a_tool_that_is_not_offered_fails(form: str) -> None:
    with served({"turns": [{"tools": [{"name": "bash"}]}]}) as found:
        answer = found.ask(form, "go", tool="shell")
        assert answer.status_code == 500
        assert "calls bash, which the request does not offer (it offers shell)" in message_of(answer)
        assert len(found.emulator.failures) == 1


@pytest.mark.parametrize("form", FORMS)
def test_the_first_words_and_the_system_prompt_pick_the_script(form: str) -> None:
    script = {"conversations": [
        {"system": "^You write titles", "turns": [{"text": "a title"}]},
        {"when": "(?i)fix the split", "turns": [{"text": "fixing"}]},
        {"when": "review", "turns": [{"text": "reviewing"}]},
    ]}
    with served(script) as found:
        assert said_in(form, found.ask(form, "Please fix the split", system="You write titles")) == "a title"
        assert said_in(form, found.ask(form, "Please FIX the split")) == "fixing"
        assert said_in(form, found.ask(form, "a review, please")) == "reviewing"
        assert found.emulator.failures == []
        lost = found.ask(form, "something else", "well", "fix the split")
        assert lost.status_code == 500
        assert "something else" in message_of(lost)
        assert len(found.emulator.failures) == 1


@pytest.mark.parametrize("form", FORMS)
def test_conversations_at_once_do_not_mix(form: str) -> None:
    people, turns = 8, 6
    script = {"conversations": [
        {"when": f"I am {person}\\.", "turns": [{"text": f"{person} gets {turn}"} for turn in range(turns)]}
        for person in range(people)
    ]}

    def converse(found: Served, person: int) -> list[str]:
        said = [f"I am {person}."]
        for turn in range(turns):
            said += [said_in(form, found.ask(form, *said)), f"{person} heard {turn}"]
        return said[1::2]

    with served(script) as found, ThreadPoolExecutor(people) as pool:
        answers = list(pool.map(lambda person: converse(found, person), range(people)))
        assert answers == [[f"{person} gets {turn}" for turn in range(turns)] for person in range(people)]
        assert found.emulator.failures == []
        assert found.emulator.unplayed() == []


def test_the_same_conversation_gets_the_same_ids_again() -> None:
    with served({"turns": [{"tools": [{"name": "bash"}]}, {"tools": [{"name": "bash"}]}]}) as found:
        first, again = (found.ask("messages", "go").json() for _ in range(2))
        other, later = found.ask("messages", "other").json(), found.ask("messages", "go", "x", "y").json()
    assert first == again
    assert len({each["content"][0]["id"] for each in (first, other, later)}) == 3


def test_models_and_count_tokens_are_answered_without_a_turn() -> None:
    with served({"turns": [{"text": "a"}]}) as found:
        ours = found.client.get("/v1/models", headers=ANTHROPIC_HEADERS).json()
        assert (ours["data"][0]["type"], ours["has_more"]) == ("model", False)
        theirs = found.client.get("/v1/models", headers=OPENAI_HEADERS).json()
        assert (theirs["object"], theirs["data"][0]["object"]) == ("list", "model")
        counted = found.client.post(
            "/v1/messages/count_tokens", headers=ANTHROPIC_HEADERS,
            json={"model": "m", "messages": [{"role": "user", "content": "word " * 400}]},
        )
        assert counted.json()["input_tokens"] > 400
        assert found.emulator.failures == []
        assert found.emulator.unplayed() == ["conversation 0, turn 0"]


@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_required_and_never_kept(form: str) -> None:
    anthropic = form == "messages"
    no_key = {"anthropic-version": "2023-06-01"} if anthropic else {}
    wrong = no_key | {"x-api-key" if anthropic else "authorization": "sk-CANARY" if anthropic else "Bearer sk-CANARY"}
    # The other vendor's key is as wrong as any.
    other = no_key | {"authorization": f"Bearer {OPENAI_KEY if anthropic else ANTHROPIC_KEY}"}
    with served({"turns": [{"text": "a"}]}) as found:
        for sent in (no_key, wrong, other):
            answer = found.client.post(PATHS[form], json=body(form, "go"), headers=sent)
            assert answer.status_code == 401
            error = answer.json()["error"]
            if anthropic:
                assert answer.json()["type"] == "error"
                assert error["type"] == "authentication_error"
            else:
                assert (error["type"], error["code"]) == ("invalid_request_error", "invalid_api_key")
            assert "CANARY" not in answer.text
        assert found.ask(form, "go").status_code == 200
        kept = found.emulator.requests
        assert "CANARY" not in str(kept)
        assert ANTHROPIC_KEY not in str(kept)
        assert OPENAI_KEY not in str(kept)
        name = "x-api-key" if anthropic else "authorization"
        prints = [call.headers.get(name) for call in kept]
        assert prints[0] is None
        assert len({*prints[1:2], *prints[3:]}) == 2
        assert all(print_.startswith("sha256:") for print_ in prints[1:] if print_)
        assert kept[-1].body == body(form, "go")
        assert (kept[-1].api, kept[-1].path) == ("anthropic" if anthropic else "openai", PATHS[form])
        assert found.emulator.failures == []


def test_anthropics_key_may_come_as_a_bearer() -> None:
    sent = {"authorization": f"Bearer {ANTHROPIC_KEY}", "anthropic-version": "2023-06-01"}
    with served({"turns": [{"text": "a"}]}) as found:
        assert found.client.post(PATHS["messages"], json=body("messages", "go"), headers=sent).status_code == 200


def without_result(form: str) -> dict[str, Any]:
    request = tool_results(form, "fine")
    if form == "messages":
        del request["messages"][-1]["content"][0]
    else:
        request["input" if form == "responses" else "messages"].pop()
    return request


def without_call(form: str) -> dict[str, Any]:
    request = tool_results(form, "fine", calls=1)
    if form == "messages":
        request["messages"][-1]["content"][0]["tool_use_id"] = "other"
        request["messages"][1]["content"] = "nothing called"
    elif form == "chat":
        request["messages"][-2] = {"role": "assistant", "content": "nothing called"}
    else:
        del request["input"][-2]
    return request


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("broken", [without_result, without_call])
def test_calls_and_results_must_pair(form: str, broken: Any) -> None:
    with served(COUNTING) as found:
        answer = found.post(form, broken(form))
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("missing", ["model", "messages", "max_tokens"])
def test_what_the_vendor_requires_is_required(form: str, missing: str) -> None:
    request = body(form, "go")
    name = "input" if (form, missing) == ("responses", "messages") else missing
    needed = request.pop(name, None) is not None
    with served(COUNTING) as found:
        answer = found.post(form, request)
        assert answer.status_code == (400 if needed else 200)
        assert name in answer.text or not needed


@pytest.mark.parametrize("sent", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"model":"m","messages":[7],"input":[7]}'])
@pytest.mark.parametrize("form", FORMS)
def test_garbage_is_a_400_or_holds_no_turn(form: str, sent: bytes) -> None:
    with served({"conversations": [{"when": "never", "turns": [{"text": "a"}]}]}) as found:
        answer = found.client.post(PATHS[form], content=sent, headers=headers(form))
        assert answer.status_code in (400, 500)
        assert len(found.emulator.failures) == (answer.status_code == 500)


def test_what_needs_a_store_is_not_found() -> None:
    with served(COUNTING) as found:
        answer = found.ask("responses", "go", previous_response_id="resp_1")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "previous_response_not_found"


def test_anthropics_version_is_required() -> None:
    with served(COUNTING) as found:
        answer = found.client.post(PATHS["messages"], json=body("messages", "go"), headers={"x-api-key": ANTHROPIC_KEY})
    assert (answer.status_code, message_of(answer)) == (400, "anthropic-version: header is required")


def test_another_path_is_a_404_in_the_vendors_shape() -> None:
    with served(COUNTING) as found:
        ours = found.client.post("/v1/messages/batches", headers=ANTHROPIC_HEADERS, json={})
        theirs = found.client.get("/v1/files", headers=OPENAI_HEADERS)
    assert (ours.status_code, ours.json()["error"]["type"]) == (404, "not_found_error")
    assert (theirs.status_code, theirs.json()["error"]["type"]) == (404, "invalid_request_error")


SCRIPT = """
conversations:
  - when: fix the split
    turns:
      - text: I look around.
        tools: [{name: bash, arguments: {command: ls}}]
        usage: {input_tokens: 10, output_tokens: 5}
      - expect: [till, README]
        text: Done.
        faults: [{status: 429, retry_after_seconds: 1, times: 2}]
        drip_seconds: 0.01
"""


def test_a_script_is_read_from_yaml(tmp_path: Path) -> None:
    path = tmp_path / "script.yaml"
    path.write_text(SCRIPT)
    script = load_script(path)
    assert script.conversations[0].turns[0].tools[0].arguments == {"command": "ls"}
    assert script.conversations[0].turns[1].expect == ("till", "README")
    assert script.conversations[0].turns[1].faults[0].times == 2
    assert Script.model_validate_json(script.model_dump_json()) == script


@pytest.mark.parametrize(("text", "says"), [
    ("turns: [{text: a, tolls: []}]", "conversations.0.turns.0.tolls"),
    ("turns: [{}]", "a turn has text, tools or both"),
    ("turns: []", "conversations.0.turns"),
    ("turns: [{text: a, expect: '('}]", "not a regular expression"),
    ("turns: [{text: a, faults: [{status: 429, hang: true}]}]", "exactly one of"),
    ("turns: [{text: a, faults: [{}]}]", "exactly one of"),
    ("turns: [{text: a, faults: [{hang: true, retry_after_seconds: 1}]}]", "goes with a status"),
    ("turns: [{text: a, faults: [{hang: true, times: always}, {status: 500}]}]", "never comes"),
    ("turns: [{faults: [{drop_after_events: 1, times: always}]}]", "a turn has text"),
    ("turns: [{text: a, usage: {input_tokens: 1, cached_input_tokens: 2, output_tokens: 0}}]", "part of input_tokens"),
    ("turns: [", "is not YAML"),
    ("", "is wrong at the top"),
])
def test_a_wrong_script_says_where(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "script.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=str(path)) as caught:
        load_script(path)
    assert says in str(caught.value)


def test_a_script_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_script(tmp_path / "none.yaml")


def test_what_a_turn_says_is_json_all_the_way() -> None:
    arguments = {"command": "printf '\"%s\\n' \u2028\u0000", "nested": {"list": [1, None, True, 0.5]}}
    with served({"turns": [{"tools": [{"name": "bash", "arguments": arguments}]}]}) as found:
        call = found.ask("chat", "go").json()["choices"][0]["message"]["tool_calls"][0]
    assert json.loads(call["function"]["arguments"]) == arguments
