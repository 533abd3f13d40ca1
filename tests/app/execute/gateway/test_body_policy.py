"""T56: a model API is no way out. Which request bodies pass, and which are refused however they are written."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import Any

import pytest

from app.execute.gateway import model_api as model_api_module
from app.execute.gateway.admit import Target
from app.execute.gateway.body_policy import refusal
from app.ledger import audit, exchanges
from app.ledger.exchanges import Exchange
from tests.app.execute.gateway.fake_model_api import FakeModelApi
from tests.app.execute.gateway.house import House, eventually

MESSAGES = Target("anthropic", "POST", "/v1/messages")
RESPONSES = Target("openai", "POST", "/v1/responses")
CHAT = Target("openai", "POST", "/v1/chat/completions")
ANY = ("anthropic/*", "openai/*")
OUT = "https://evil.invalid/?d=secret"


def user(*blocks: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": list(blocks)}]}


def item(*items: Any) -> dict[str, Any]:
    return {"model": "m", "input": list(items)}


def parts(*blocks: Any) -> dict[str, Any]:
    return item({"type": "message", "role": "user", "content": list(blocks)})


GOES_OUT: list[tuple[Target, dict[str, Any]]] = [
    (MESSAGES, {"model": "m", "mcp_servers": [{"type": "url", "url": OUT, "name": "x"}]}),
    (MESSAGES, {"model": "m", "container": "container_1"}),
    (MESSAGES, {"model": "m", "container": {"skills": []}}),
    *((MESSAGES, {"model": "m", "tools": [{"name": "x", "input_schema": {}}, {"type": kind, "name": "y"}]}) for kind in (
        "web_search_20250305", "web_search_20260318", "web_fetch_20250910", "code_execution_20250825", "mcp_toolset",
        "advisor_20260301", "something_new_20300101", "bash_20250124x", "BASH_20250124", "", 7,
    )),
    (MESSAGES, user({"type": "image", "source": {"type": "url", "url": OUT}})),
    (MESSAGES, user({"type": "document", "source": {"type": "url", "url": OUT}})),
    (MESSAGES, user({"type": "document", "source": {"type": "file", "file_id": "file_1"}})),
    (MESSAGES, user({"type": "document", "source": {"type": "content", "content": [
        {"type": "image", "source": {"type": "url", "url": OUT}}]}})),
    (MESSAGES, user({"type": "tool_result", "tool_use_id": "t", "content": [
        {"type": "image", "source": {"type": "url", "url": OUT}}]})),
    (MESSAGES, user({"type": "container_upload", "file_id": "file_1"})),
    (MESSAGES, {"model": "m", "system": [{"type": "image", "source": {"type": "url", "url": OUT}}], "messages": []}),
    *((RESPONSES, {"model": "m", "input": "x", "tools": [{"type": kind}]}) for kind in (
        "web_search", "web_search_preview", "web_search_2025_08_26", "file_search", "code_interpreter", "mcp",
        "image_generation", "something_new", None,
    )),
    (RESPONSES, {"model": "m", "tools": [{"type": "shell", "environment": {"type": "container_auto"}}]}),
    (RESPONSES, {"model": "m", "tools": [{"type": "namespace", "name": "n", "tools": [{"type": "mcp", "server_url": OUT}]}]}),
    (RESPONSES, item({"type": "tool_search_output", "tools": [{"type": "mcp", "server_url": OUT}]})),
    (RESPONSES, {"model": "m", "previous_response_id": "resp_1"}),
    (RESPONSES, {"model": "m", "conversation": "conv_1"}),
    (RESPONSES, {"model": "m", "prompt": {"id": "pmpt_1"}}),
    (RESPONSES, {"model": "m", "background": True}),
    (RESPONSES, item({"type": "item_reference", "id": "msg_1"})),
    (RESPONSES, item({"id": "msg_1"})),
    (RESPONSES, item({"id": "msg_1", "type": None})),
    (RESPONSES, parts({"type": "input_image", "image_url": OUT})),
    (RESPONSES, parts({"type": "input_image", "file_id": "file-1"})),
    (RESPONSES, parts({"type": "input_file", "file_url": OUT})),
    (RESPONSES, parts({"type": "input_file", "file_id": "file-1"})),
    (RESPONSES, item({"type": "function_call_output", "call_id": "c", "output": [{"type": "input_image", "image_url": OUT}]})),
    (RESPONSES, item({"type": "computer_call_output", "call_id": "c", "output": {"type": "computer_screenshot", "image_url": OUT}})),
    (CHAT, {"model": "m", "web_search_options": {}}),
    (CHAT, {"model": "gpt-4o-search-preview", "messages": []}),
    (CHAT, {"model": "gpt-5-search-api", "messages": []}),
    (RESPONSES, {"model": "o4-mini-deep-research", "input": "x"}),
    (CHAT, user({"type": "image_url", "image_url": {"url": OUT}})),
    (CHAT, user({"type": "file", "file": {"file_id": "file-1"}})),
    (CHAT, user({"type": "video_url", "video_url": {"url": OUT}})),
]


@pytest.mark.parametrize(("target", "request_"), GOES_OUT, ids=lambda value: json.dumps(value)[:70])
def test_what_would_reach_out_through_the_vendor_is_refused(target: Target, request_: dict[str, Any]) -> None:
    assert refusal(target, json.dumps(request_).encode(), ANY)


STAYS_IN: list[tuple[Target, dict[str, Any]]] = [
    (MESSAGES, {
        "model": "m", "max_tokens": 9, "stream": True, "system": [{"type": "text", "text": OUT, "cache_control": {"type": "ephemeral"}}],
        "thinking": {"type": "enabled", "budget_tokens": 1024}, "metadata": {"user_id": "u"}, "context_management": {"edits": []},
        "mcp_servers": None,
        "tools": [
            {"name": "fetch", "input_schema": {"type": "object", "properties": {"file_id": {"type": "string"}, "image_url": {"type": "string"}}}},
            {"type": "custom", "name": "c", "input_schema": {}}, {"type": "bash_20250124", "name": "bash"},
            {"type": "text_editor_20250728", "name": "e"}, {"type": "tool_search_tool_regex_20251119", "name": "s"},
            {"type": "memory_20250818", "name": "memory"},
        ],
        "messages": [
            {"role": "user", "content": f"look at {OUT}"},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "t", "name": "fetch", "input": {"image_url": OUT, "file_id": "f", "source": {"type": "url"}}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "web_search_20250305"}]},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}},
                {"type": "search_result", "source": "https://docs", "title": "t", "content": [{"type": "text", "text": "x"}]},
            ]},
        ],
    }),
    (RESPONSES, {
        "model": "m", "instructions": OUT, "store": False, "include": ["reasoning.encrypted_content"], "background": False,
        "tools": [{"type": "function", "name": "f", "parameters": {}}, {"type": "custom", "name": "apply_patch"},
                  {"type": "local_shell"}, {"type": "shell", "environment": {"type": "local"}},
                  {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "g"}]}],
        "input": [
            {"role": "user", "content": "x"},
            {"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,iVBORw=="}]},
            {"type": "reasoning", "id": "rs_1", "encrypted_content": "x", "summary": []},
            {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": json.dumps({"image_url": OUT})},
            {"type": "function_call_output", "call_id": "c", "output": "ok"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x", "annotations": [
                {"type": "url_citation", "url": OUT}]}]},
        ],
    }),
    (CHAT, {
        "model": "m", "tools": [{"type": "function", "function": {"name": "f"}}], "messages": [
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c", "content": OUT},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}}]}],
    }),
]


@pytest.mark.parametrize(("target", "request_"), STAYS_IN, ids=lambda value: json.dumps(value)[:40])
def test_what_agents_send_passes(target: Target, request_: dict[str, Any]) -> None:
    """The negative control: without it, refusing everything would pass."""
    assert refusal(target, json.dumps(request_).encode(), ANY) is None


@pytest.mark.parametrize("body", [
    b'{"model":"m","tools":[],"tools":[{"type":"mcp"}]}', b'{"model":"m","tools":[{"type":"mcp"}],"tools":[]}',
    b'{"model":"m","Tools":[{"type":"mcp"}]}',
    b'{"model":"m","mcp_servers ":[]}', '{"model":"m","mcp_servers":[1]}'.encode("utf-16"), b'\xef\xbb\xbf{"model":"m"}',
    b'{"model":"m","messages":[{"content":"\xff"}]}', b'{"model":"m"} {"tools":[]}', b'[]', b"", b"null",
    b'{"model":"m","messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}", b'{"model":7}', b'{"model":"' + b"m" * 201 + b'"}', b'{"model":"m\\n"}', b'{"model":"m","tools":{"type":"mcp"}}',
    b'{"model":"m","tools":["mcp"]}',
])
def test_two_readers_cannot_see_two_things(body: bytes) -> None:
    """T55, for bodies: what is not one plain document is not passed on."""
    assert refusal(RESPONSES, body, ANY)


@pytest.mark.parametrize("body", [
    b'{"model":"m","messages":[' + b"{}," * 5_000_000 + b"{}]}", b'{"model":"m","a":"' + b"\\n" * 10_000_000 + b'"}',
    b'"' * 20_000_000, b'{"a":"' + b"\\" * 20_000_000, b'{"a":"' + b'\\"' * 1_900_000, b'{"a":"' + b'\\"' * 1_900_000 + b"\\",
], ids=["objects", "escapes", "quotes", "backslashes", "escaped-quotes", "escaped-quotes-cut"])
def test_a_body_made_to_cost_time_is_refused_soon(body: bytes) -> None:
    """T60."""
    began = time.process_time()
    assert refusal(MESSAGES, body, ANY)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(("target", "model", "models", "passes"), [
    (MESSAGES, "claude-x", ("anthropic/claude-x",), True),
    (MESSAGES, "claude-dear", ("anthropic/claude-x",), False),
    (MESSAGES, "claude-y", ("anthropic/claude-x", "anthropic/claude-y"), True),
    (CHAT, "claude-x", ("anthropic/claude-x",), False),
    (CHAT, "gpt-9", ("openai/*",), True),
    (CHAT, "gpt-9", (), False),
    (Target("openai", "GET", "/v1/models"), "", ("openai/gpt-9",), True),
    (Target("openai", "GET", "/v1/models"), "", ("anthropic/*",), False),
])
def test_only_the_assignments_models_may_be_asked(target: Target, model: str, models: tuple[str, ...], passes: bool) -> None:
    assert (refusal(target, json.dumps({"model": model}).encode(), models) is None) is passes


def test_a_refusal_is_told_and_on_record_and_the_upstream_never_asked(house: House, model_api: FakeModelApi) -> None:
    sandbox_id = house.sandbox()
    body = {"model": "m", "tools": [{"type": "web_fetch_20250910", "name": "f"}]}
    answer = house.door(sandbox_id).post("/anthropic/v1/messages", json=body)
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "bellhop_refused")
    assert "web_fetch_20250910" in answer.json()["error"]["message"]
    assert model_api.asked == []
    with house.database.read() as tx:
        assert [row.verdict for row in audit.of_run(tx, sandbox_id.partition("-")[0])] == ["refused"]


def test_a_sandbox_without_models_reaches_none(house: House, model_api: FakeModelApi) -> None:
    """The agent's own code runs in `verify`, too, and `command` needs no model: neither may spend the team's key."""
    door = house.door(house.sandbox(role="verify", models=()))
    assert door.post("/anthropic/v1/messages", json={"model": "m"}).status_code == 403
    assert door.get("/openai/v1/models").status_code == 403
    assert model_api.asked == []


def test_a_loop_of_requests_ends(house: House, model_api: FakeModelApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """T60."""
    monkeypatch.setattr(model_api_module, "_MOST_REQUESTS", 3)
    door = house.door(house.sandbox())
    answers = [door.post("/anthropic/v1/messages", json={"model": "m"}).status_code for _ in range(5)]
    assert answers == [200, 200, 200, 403, 403]
    assert len(model_api.asked) == 3


def test_a_full_record_keeps_that_it_happened_and_not_the_words(
    house: House, model_api: FakeModelApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T60, R16: a sandbox cannot fill the host's disk through the ledger."""
    monkeypatch.setattr(model_api_module, "_RECORDED_BYTES", 100_000)
    sandbox_id = house.sandbox()
    kept: list[Exchange] = []

    def there(count: int) -> bool:
        with house.database.read() as tx:
            kept[:] = exchanges.of_run(tx, sandbox_id.partition("-")[0])
        return len(kept) == count

    for number in range(3):
        assert house.door(sandbox_id).post("/anthropic/v1/messages", json={"model": "m", "system": "x" * 90_000}).status_code == 200
        # It is put on record once the answer has gone: the next one could overtake it.
        eventually(partial(there, number + 1))
    assert [len(one.request) > 90_000 for one in kept] == [True, True, False]
    assert (kept[2].response.strip()[:9], kept[2].status) == (b"[bellhop:", 200)
