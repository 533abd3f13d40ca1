"""Every form of answer, held against the event sequences that the vendors publish."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from app.execute.gateway.tokens import Tokens
from app.execute.gateway.usage import UsageReader
from tests.app.emulators.model.model_kit import FORMS, PATHS, Served, served
from tests.app.emulators.model.sse_reader import read

TEXT = "Zuerst sehe ich nach, was da ist: \u00fc, \u4f60\u597d, \U0001f680.\nThen I go on."
CALLS: list[dict[str, Any]] = [
    {"name": "bash", "arguments": {"command": "grep -rn 'caf\u00e9' . | head -20"}}, {"name": "bash", "arguments": {}},
]
USAGE = {"input_tokens": 1200, "cached_input_tokens": 1000, "output_tokens": 77}
BOTH: dict[str, Any] = {"text": TEXT, "tools": CALLS, "usage": USAGE}
TURNS: dict[str, dict[str, Any]] = {
    "text": {"text": TEXT, "usage": USAGE}, "tools": {"tools": CALLS, "usage": USAGE}, "both": BOTH,
}


@pytest.fixture(params=TURNS)
def model(request: pytest.FixtureRequest) -> Iterator[tuple[Served, dict[str, Any]]]:
    turn = TURNS[request.param]
    with served({"turns": [turn]}) as found:
        yield found, turn


def grouped(names: list[str]) -> list[str]:
    """Return the names with each run of deltas made one, since their number is nobody's promise."""
    return [name for name, _ in itertools.groupby(names, lambda name: name) if name != "ping"]


def test_messages_streams_the_published_events(model: tuple[Served, dict[str, Any]]) -> None:
    """https://platform.claude.com/docs/en/build-with-claude/streaming"""
    found, turn = model
    answer = found.ask("messages", "go", stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [(event.name, json.loads(event.data)) for event in read(answer.content)]
    assert all(name == data["type"] for name, data in events)
    blocks = bool(turn.get("text")) + len(turn.get("tools", []))
    block = ["content_block_start", "content_block_delta", "content_block_stop"]
    expected = ["message_start", *block * blocks, "message_delta", "message_stop"]
    names = [name for name, data in events if data.get("delta", {}).get("text") != ""]
    assert expected == grouped(names)
    assert names.count("ping") == 1

    start, delta = events[0][1]["message"], events[-2][1]
    assert (start["content"], start["stop_reason"], start["role"], start["model"]) == ([], None, "assistant", "m")
    assert start["usage"]["input_tokens"] + start["usage"]["cache_read_input_tokens"] == 1200
    assert start["usage"]["output_tokens"] < 77
    assert delta["usage"]["output_tokens"] == 77
    assert delta["delta"] == {"stop_reason": "tool_use" if turn.get("tools") else "end_turn", "stop_sequence": None}

    content = _messages_content([data for _, data in events])
    assert [block for block in content if block["type"] == "text"] == (
        [{"type": "text", "text": TEXT}] if turn.get("text") else []
    )
    assert _calls(turn) == [(block["name"], block["input"]) for block in content if block["type"] == "tool_use"]
    whole = found.ask("messages", "go").json()
    assert whole["content"] == content
    assert whole["usage"] == delta["usage"]


def _messages_content(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = []
    pieces: list[str] = []
    for event in events:
        if event["type"] == "content_block_start":
            assert event["index"] == len(content)
            content.append(event["content_block"])
            pieces = []
        elif event["type"] == "content_block_delta":
            assert event["index"] == len(content) - 1
            kind = "text" if content[-1]["type"] == "text" else "partial_json"
            pieces.append(event["delta"][kind])
        elif event["type"] == "content_block_stop":
            said = "".join(pieces)
            if content[-1]["type"] == "text":
                content[-1]["text"] += said
                assert len(pieces) > 1
            else:
                assert content[-1]["input"] == {}
                assert pieces[0] == ""
                content[-1]["input"] = json.loads(said)
    return content


def test_responses_streams_the_published_events(model: tuple[Served, dict[str, Any]]) -> None:
    """https://platform.openai.com/docs/api-reference/responses-streaming"""
    found, turn = model
    answer = found.ask("responses", "go", stream=True, system="Be brief")
    events = [(event.name, json.loads(event.data)) for event in read(answer.content)]
    assert all(name == data["type"] for name, data in events)
    assert [data["sequence_number"] for _, data in events] == list(range(len(events)))
    message = ["output_item.added", "content_part.added", "output_text.delta", "output_text.done", "content_part.done",
               "output_item.done"]
    call = ["output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done"]
    body = (message if turn.get("text") else []) + call * len(turn.get("tools", []))
    expected = [f"response.{name}" for name in ("created", "in_progress", *body, "completed")]
    assert expected == grouped([name for name, _ in events])

    started, completed = events[0][1]["response"], events[-1][1]["response"]
    assert (started["status"], started["output"], started["usage"]) == ("in_progress", [], None)
    assert started["instructions"] == "Be brief"
    assert completed["status"] == "completed"
    assert completed["usage"]["input_tokens"] == 1200
    assert completed["usage"]["input_tokens_details"] == {"cached_tokens": 1000}
    assert completed["usage"]["total_tokens"] == 1277
    output = _responses_output([data for _, data in events])
    assert output == completed["output"]
    assert _calls(turn) == [(i["name"], json.loads(i["arguments"])) for i in output if i["type"] == "function_call"]
    whole = found.ask("responses", "go", system="Be brief").json()
    assert whole["output"] == output
    assert whole["object"] == "response"


def _responses_output(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    output: list[dict[str, Any]] = []
    pieces: list[str] = []
    item: dict[str, Any] = {}
    for event in events:
        if event["type"] == "response.output_item.added":
            assert event["output_index"] == len(output)
            assert event["item"]["status"] == "in_progress"
            item, pieces = event["item"], []
        elif event["type"].endswith(".delta"):
            assert (event["item_id"], event["output_index"]) == (item["id"], len(output))
            pieces.append(event["delta"])
        elif event["type"] == "response.output_text.done":
            assert event["text"] == "".join(pieces)
        elif event["type"] == "response.function_call_arguments.done":
            assert event["arguments"] == "".join(pieces)
        elif event["type"] == "response.output_item.done":
            said = event["item"].get("arguments") or event["item"]["content"][0]["text"]
            assert said == "".join(pieces)
            assert event["item"]["id"] == item["id"]
            output.append(event["item"])
    return output


def test_a_call_of_a_tool_in_a_namespace_names_both() -> None:
    inside = {"type": "function", "name": "post_update", "parameters": {"type": "object"}}
    tools = [{"type": "function", "name": "bash"}, {"type": "namespace", "name": "mcp__bellhop", "description": "d", "tools": [inside]}]
    with served({"turns": [{"tools": [{"name": "post_update"}, {"name": "bash"}]}]}) as found:
        output = found.ask("responses", "go", tools=tools).json()["output"]
    assert [(item["name"], item.get("namespace")) for item in output] == [("post_update", "mcp__bellhop"), ("bash", None)]


@pytest.mark.parametrize("include_usage", [True, False])
def test_chat_streams_the_published_chunks(model: tuple[Served, dict[str, Any]], include_usage: bool) -> None:
    """https://platform.openai.com/docs/api-reference/chat-streaming"""
    found, turn = model
    options = {"stream_options": {"include_usage": True}} if include_usage else {}
    events = read(found.ask("chat", "go", stream=True, **options).content)
    assert {event.name for event in events} == {""}
    assert events[-1].data == "[DONE]"
    chunks = [json.loads(event.data) for event in events[:-1]]
    assert {(chunk["id"], chunk["object"], chunk["created"]) for chunk in chunks} == {
        (chunks[0]["id"], "chat.completion.chunk", chunks[0]["created"])
    }
    if include_usage:
        last = chunks.pop()
        assert last["choices"] == []
        assert (last["usage"]["prompt_tokens"], last["usage"]["completion_tokens"]) == (1200, 77)
        assert {chunk["usage"] for chunk in chunks} == {None}
    else:
        assert [chunk for chunk in chunks if "usage" in chunk] == []
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in chunks]
    assert deltas[0]["role"] == "assistant"
    assert deltas[-1] == {}
    assert reasons == [None] * (len(chunks) - 1) + ["tool_calls" if turn.get("tools") else "stop"]
    assert "".join(delta.get("content") or "" for delta in deltas) == turn.get("text", "")

    calls = _chat_calls(deltas)
    assert _calls(turn) == [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls]
    message = found.ask("chat", "go").json()["choices"][0]["message"]
    assert message.get("tool_calls", []) == calls
    assert message["content"] == turn.get("text")


def _chat_calls(deltas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = []
    for delta in deltas:
        for piece in delta.get("tool_calls", []):
            index = piece.pop("index")
            if "id" in piece:
                assert index == len(calls)
                assert piece["function"]["arguments"] == ""
                calls.append(piece)
            else:
                assert index == len(calls) - 1
                calls[index]["function"]["arguments"] += piece["function"]["arguments"]
    return calls


def _calls(turn: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(call["name"], call["arguments"]) for call in turn.get("tools", [])]


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_the_gateway_reads_the_usage_of_every_answer(form: str, streams: bool) -> None:
    options = {"stream_options": {"include_usage": True}} if form == "chat" and streams else {}
    with served({"turns": [BOTH]}) as found:
        answer = found.ask(form, "go", stream=streams, **options)
    api = "anthropic" if form == "messages" else "openai"
    reader = UsageReader(api, PATHS[form], answer.headers["content-type"])
    reader.feed(answer.content)
    assert reader.result() == Tokens(input=1200, output=77, cache_read=1000)


@pytest.mark.parametrize("form", FORMS)
def test_usage_is_estimated_where_the_script_is_silent(form: str) -> None:
    with served({"turns": [{"text": "word " * 100}]}) as found:
        usage = found.ask(form, "go").json()["usage"]
    assert usage.get("output_tokens", usage.get("completion_tokens")) == 125
    assert usage.get("input_tokens", usage.get("prompt_tokens")) > 10
