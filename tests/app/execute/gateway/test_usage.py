"""Token usage read out of answers as the vendors publish them, in any pieces, and out of garbage."""

from __future__ import annotations

import itertools
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.execute.gateway.tokens import Tokens
from app.execute.gateway.usage import UsageReader

MESSAGES = ("anthropic", "/v1/messages")
RESPONSES = ("openai", "/v1/responses")
CHAT = ("openai", "/v1/chat/completions")
GEMINI = ("gemini", "/v1beta/models/gemini-2.5-pro:generateContent")
GEMINI_STREAM = ("gemini", "/v1beta/models/gemini-2.5-pro:streamGenerateContent")
SSE = "text/event-stream; charset=utf-8"
JSON = "application/json"

# Words of a model that look like usage and are none.
LURE = '{"usage": {"input_tokens": 999999, "output_tokens": 999999}}'


def sse(*events: dict[str, Any] | str, named: bool = True, end: str = "\n") -> bytes:
    parts = []
    for event in events:
        name = f"event: {event['type']}{end}" if named and isinstance(event, dict) else ""
        data = event if isinstance(event, str) else json.dumps(event, separators=(",", ":"))
        parts.append(f"{name}data: {data}{end}{end}")
    return "".join(parts).encode()


def messages_stream(end: str = "\n") -> bytes:
    return sse(
        {"type": "message_start", "message": {"id": "msg_1", "role": "assistant", "content": [], "usage": {
            "input_tokens": 25, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 1000, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": f"usage\n\ndata: {LURE}\r\n"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 15}},
        {"type": "message_stop"},
        end=end,
    )


def responses_stream(instructions: str = "") -> bytes:
    response: dict[str, Any] = {"id": "resp_1", "instructions": instructions, "output": [], "usage": None}
    text = {"type": "message", "content": [{"type": "output_text", "text": LURE}]}
    done = response | {"output": [text], "usage": {
        "input_tokens": 37, "input_tokens_details": {"cached_tokens": 30}, "output_tokens": 11,
        "output_tokens_details": {"reasoning_tokens": 5}, "total_tokens": 48}, "user": None, "metadata": {"a": LURE}}
    return sse(
        {"type": "response.created", "sequence_number": 0, "response": response},
        {"type": "response.output_text.delta", "sequence_number": 1, "delta": LURE},
        {"type": "response.completed", "sequence_number": 2, "response": done},
    )


def chat_stream(*, with_usage: bool = True) -> bytes:
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "usage": None,
             "choices": [{"index": 0, "delta": {"content": LURE}, "finish_reason": None}]}
    last = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [],
            "usage": {"prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29}}
    return sse(chunk, *([last] if with_usage else []), "[DONE]", named=False)


def gemini_stream() -> bytes:
    def chunk(text: str, **usage: int) -> dict[str, Any]:
        return {"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}}], "usageMetadata": usage,
                "modelVersion": "gemini-2.5-pro", "responseId": "r"}

    return sse(
        chunk(f'"usageMetadata": {LURE}', promptTokenCount=40, totalTokenCount=40),
        chunk(LURE, promptTokenCount=40, candidatesTokenCount=3, thoughtsTokenCount=5, totalTokenCount=48),
        chunk("", promptTokenCount=40, cachedContentTokenCount=30, candidatesTokenCount=7, thoughtsTokenCount=5,
              totalTokenCount=52), named=False,
    )


CASES: dict[str, tuple[tuple[str, str], str, bytes, Tokens | None]] = {
    "messages, streamed": (MESSAGES, SSE, messages_stream(), Tokens(1125, 15, 1000, 100)),
    "messages, streamed with CRLF": (MESSAGES, SSE, messages_stream("\r\n"), Tokens(1125, 15, 1000, 100)),
    "messages": (MESSAGES, JSON, json.dumps({
        "type": "message", "content": [{"type": "tool_use", "input": json.loads(LURE)}],
        "usage": {"input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 3},
    }, indent=1).encode(), Tokens(12, 3, 7)),
    "responses, streamed": (RESPONSES, SSE, responses_stream(), Tokens(37, 11, 30)),
    "responses": (RESPONSES, JSON, b'{"object":"response","usage":{"input_tokens":8,"output_tokens":9}}', Tokens(8, 9)),
    "chat, streamed": (CHAT, SSE, chat_stream(), Tokens(19, 10)),
    "chat, streamed without usage": (CHAT, SSE, chat_stream(with_usage=False), None),
    "chat": (CHAT, JSON, b'{"choices":[],"usage":{"prompt_tokens":6,"completion_tokens":4}}', Tokens(6, 4)),
    "gemini, streamed": (GEMINI_STREAM, SSE, gemini_stream(), Tokens(40, 12, 30)),
    "gemini": (GEMINI, JSON, json.dumps({"candidates": [], "usageMetadata": {
        "promptTokenCount": 9, "toolUsePromptTokenCount": 2, "candidatesTokenCount": 4, "totalTokenCount": 15}}).encode(),
        Tokens(11, 4)),
    "gemini, counting": (("gemini", "/v1beta/models/m:countTokens"), JSON,
                         b'{"totalTokens":14,"usageMetadata":{"promptTokenCount":2}}', None),
    "messages, kept for an hour": (MESSAGES, JSON, json.dumps({"usage": {
        "input_tokens": 1, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 0, "output_tokens": 3,
        "cache_creation": {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 15}}}).encode(),
        Tokens(21, 3, 0, 20, 15)),
    "count_tokens": (("anthropic", "/v1/messages/count_tokens"), JSON, b'{"input_tokens":14,"usage":{"input_tokens":2}}',
                     None),
    "an error": (MESSAGES, JSON, b'{"type":"error","error":{"type":"overloaded_error","message":"usage"}}', None),
    "only a prompt": (MESSAGES, JSON, b'{"usage":{"input_tokens":2,"output_tokens":null}}', Tokens(2)),
}


@pytest.mark.parametrize("name", CASES)
def test_usage_of_a_whole_answer(name: str) -> None:
    (api, path), content_type, body, expected = CASES[name]
    reader = UsageReader(api, path, content_type)
    reader.feed(body)
    assert expected == reader.result()
    assert expected == reader.result(), "asking changes nothing"


@given(name=st.sampled_from(sorted(CASES)), cuts=st.lists(st.integers(0, 3000), max_size=30), ask=st.booleans())
def test_usage_does_not_depend_on_the_pieces(name: str, cuts: list[int], ask: bool) -> None:
    (api, path), content_type, body, expected = CASES[name]
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    reader = UsageReader(api, path, content_type)
    for start, stop in itertools.pairwise(places):
        reader.feed(body[start:stop])
        if ask:
            reader.result()
    assert expected == reader.result()


@pytest.mark.parametrize("name", CASES)
def test_usage_byte_by_byte(name: str) -> None:
    (api, path), content_type, body, expected = CASES[name]
    reader = UsageReader(api, path, content_type)
    for number in range(len(body)):
        reader.feed(body[number:number + 1])
    assert expected == reader.result()


def test_usage_of_a_stream_that_broke_off() -> None:
    """What was used up to there is known: Anthropic says so at the start."""
    body = messages_stream()
    reader = UsageReader(*MESSAGES, SSE)
    reader.feed(body[:body.index(b"message_delta")])
    assert reader.result() == Tokens(1125, 1, 1000, 100)


def test_usage_of_a_last_event_without_its_blank_line() -> None:
    reader = UsageReader(*RESPONSES, SSE)
    reader.feed(responses_stream().rstrip(b"\n"))
    assert reader.result() == Tokens(37, 11, 30)


@given(st.lists(st.binary(max_size=200), max_size=10), st.sampled_from([SSE, JSON, ""]), st.text(max_size=10))
def test_garbage_raises_nothing(pieces: list[bytes], content_type: str, api: str) -> None:
    reader = UsageReader(api, "/v1/messages", content_type)
    for piece in pieces:
        reader.feed(piece)
    assert reader.result() is None


@pytest.mark.parametrize("usage", [
    "7", "[]", '{"input_tokens":"7"}', '{"input_tokens":-1}', '{"input_tokens":true}', '{"input_tokens":1.5}',
    '{"input_tokens":' + "9" * 5000 + "}", '{"input_tokens":' + "9" * 30 + "}", "[" * 100_000, "null",
])
@pytest.mark.parametrize("form", ['{{"usage":{}}}', 'data: {{"usage":{}}}\n', 'data: {{"message":{{"usage":{}}}}}\n'])
def test_usage_of_a_wrong_shape_is_none(form: str, usage: str) -> None:
    reader = UsageReader(*MESSAGES, SSE if form.startswith("data") else JSON)
    reader.feed(form.format(usage).encode())
    assert reader.result() is None


def test_an_answer_too_long_to_keep_is_metered_all_the_same() -> None:
    """Responses echoes the client's instructions before `usage`: a long prompt must not run unmetered."""
    body = responses_stream(instructions=LURE * 100_000)
    assert len(body) > 5_000_000
    reader = UsageReader(*RESPONSES, SSE)
    tracemalloc.start()
    try:
        for start in range(0, len(body), 65536):
            reader.feed(body[start:start + 65536])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert reader.result() == Tokens(37, 11, 30)
    assert peak < 4 * 1024 * 1024


def test_one_piece_of_any_size_is_taken() -> None:
    reader = UsageReader(*MESSAGES, JSON)
    reader.feed(b'{"content":"' + b"x" * 3_000_000 + b'","usage":{"input_tokens":1,"output_tokens":2}}')
    assert reader.result() == Tokens(1, 2)


def test_a_long_answer_without_usage_has_none() -> None:
    reader = UsageReader(*MESSAGES, JSON)
    reader.feed(json.dumps({"content": LURE * 100_000}).encode())
    assert reader.result() is None
