"""Gemini through the door: what its requests may ask (T56), and that its key stays outside (T57)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import SecretStr

from app.execute.gateway.admit import Target, admit
from app.execute.gateway.body_policy import look, refusal
from app.ledger import exchanges
from tests.app.execute.gateway.fake_model_api import GEMINI_KEY, FakeModelApi
from tests.app.execute.gateway.house import House, eventually

OUT = "https://evil.invalid/?d=secret"
PATH = "/gemini/v1beta/models/gemini-2.5-pro"
GENERATE = f"{PATH}:generateContent"
ANY = ("gemini/*",)


def target(verb: str = "generateContent") -> Target:
    found = admit("POST", f"{PATH}:{verb}".encode(), b"alt=sse" if verb.startswith("stream") else b"")
    assert found is not None
    return found


def said(*parts: Any) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": list(parts)}]}


GOES_OUT: list[dict[str, Any]] = [
    *({"contents": [], "tools": [{"functionDeclarations": []}, {name: {}}]} for name in (
        "googleSearch", "google_search", "googleSearchRetrieval", "codeExecution", "code_execution", "urlContext", "url_context",
        "fileSearch", "googleMaps", "mcpServers", "computerUse", "somethingNew", "GOOGLESEARCH", "",
    )),
    {"contents": [], "tools": [{"functionDeclarations": [], "googleSearch": {}}]},
    {"contents": [], "tools": {"googleSearch": {}}},
    {"contents": [], "tools": ["googleSearch"]},
    said({"fileData": {"fileUri": OUT}}), said({"file_data": {"file_uri": OUT}}), said({"fileData": {"fileUri": "files/1"}}),
    said({"text": "x", "fileData": {"fileUri": OUT}}),
    {"contents": {"parts": {"fileData": {"fileUri": OUT}}}},
    {"contents": [], "systemInstruction": {"parts": [{"fileData": {"fileUri": OUT}}]}},
    {"contents": [], "system_instruction": {"parts": [{"fileData": {"fileUri": OUT}}]}},
    {"contents": [], "systemInstruction": {"parts": []}, "system_instruction": {"parts": []}},
    said({"functionResponse": {"name": "f", "response": {}, "parts": [{"fileData": {"fileUri": OUT}}]}}),
    said({"executableCode": {"language": "PYTHON", "code": "1"}}), said({"toolCall": {}}), said("text"),
    {"contents": [], "cachedContent": "cachedContents/1"}, {"contents": [], "cached_content": "cachedContents/1"},
    {"contents": [], "model": "models/gemini-2.5-flash"}, {"contents": [], "Model": "models/gemini-2.5-flash"},
    {"contents": [], "model": "tunedModels/mine"}, {"contents": [], "store": True}, {"contents": [], "somethingNew": 1},
    {"contents": [], "toolConfig": {"retrievalConfig": {}}}, {"contents": [], "toolConfig": {"includeServerSideToolInvocations": True}},
    {"contents": "text"}, {"contents": [["x"]]}, {"contents": [{"role": "user", "parts": "x"}]}, {"contents": [], "tools": [[]]},
]


@pytest.mark.parametrize("request_", GOES_OUT, ids=lambda value: json.dumps(value)[:70])
def test_t56_what_google_would_do_or_look_up_is_refused(request_: dict[str, Any]) -> None:
    for verb in ("generateContent", "streamGenerateContent", "countTokens"):
        assert refusal(target(verb), json.dumps(request_).encode(), ANY)
    within = {"generateContentRequest": {"model": "models/gemini-2.5-pro", **request_}}
    assert refusal(target("countTokens"), json.dumps(within).encode(), ANY)


STAYS_IN: list[dict[str, Any]] = [
    {
        "contents": [
            {"role": "user", "parts": [{"text": OUT}, {"inlineData": {"mimeType": "image/png", "data": "iVBORw=="}}]},
            {"role": "model", "parts": [
                {"text": "hm", "thought": True}, {"functionCall": {"name": "f", "args": {"fileData": OUT}}, "thoughtSignature": "eA=="}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "id": "1", "response": {"googleSearch": {}},
                                                             "parts": [{"inlineData": {"mimeType": "image/png", "data": "eA=="}}]}}]},
        ],
        "systemInstruction": {"parts": [{"text": "be kind"}]},
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "object", "properties": {"cachedContent": {}}}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
        "generationConfig": {"temperature": 1, "thinkingConfig": {"includeThoughts": True}}, "safetySettings": [],
    },
    {"model": "models/gemini-2.5-pro", "contents": {"parts": {"text": "hi"}}, "tools": [{"function_declarations": []}]},
]


@pytest.mark.parametrize("request_", STAYS_IN, ids=["an agent's", "a plain one's"])
def test_what_agents_send_passes(request_: dict[str, Any]) -> None:
    """The negative control: without it, refusing everything would pass."""
    for verb in ("generateContent", "streamGenerateContent", "countTokens"):
        found = look(target(verb), json.dumps(request_).encode(), ANY)
        assert (found.refused, found.model) == (None, "gemini-2.5-pro")
    within = {"generateContentRequest": {"model": "models/gemini-2.5-pro", **request_}}
    assert refusal(target("countTokens"), json.dumps(within).encode(), ANY) is None


def test_only_the_assignments_models_may_be_asked(house: House, model_api: FakeModelApi) -> None:
    door = house.door(house.sandbox(models=("gemini/gemini-2.5-flash",)))
    assert door.post(GENERATE, json={"contents": []}).status_code == 403
    assert door.post(GENERATE.replace("pro", "flash"), json={"contents": []}).status_code == 200
    assert door.post("/openai/v1/responses", json={"model": "gemini-2.5-flash"}).status_code == 403
    assert [asked.path for asked in model_api.asked] == ["/v1beta/models/gemini-2.5-flash:generateContent"]


def test_an_exchange_is_metered_and_priced(house: House) -> None:
    sandbox_id = house.sandbox()
    assert house.door(sandbox_id).post(GENERATE, json={"contents": []}).json()["candidates"] == []

    def kept() -> list[exchanges.Exchange]:
        with house.database.read() as tx:
            return exchanges.of_run(tx, sandbox_id.partition("-")[0])

    eventually(lambda: bool(kept()))
    [found] = kept()
    assert (found.api, found.model, found.input_tokens, found.output_tokens) == ("gemini", "gemini/gemini-2.5-pro", 3, 5)
    assert found.cost_micro_usd == 54


def test_t57_an_echo_and_a_redirect_give_the_key_away_nowhere(house: House, model_api: FakeModelApi) -> None:
    door = house.door(house.sandbox())
    model_api.behave = "echo"
    answer = door.post(GENERATE, json={"contents": []}, headers={"x-goog-api-key": "mine", "x-goog-user-project": "mine"})
    assert "[redacted]" in answer.text
    sent = dict(model_api.asked[0].headers)
    assert (sent["x-goog-api-key"], "x-goog-user-project" in sent) == (GEMINI_KEY, False)
    model_api.behave = "redirect"
    redirected = door.post(GENERATE, json={"contents": []})
    assert redirected.status_code == 502
    assert "BELLHOP_GEMINI_API_URL" in redirected.json()["error"]["message"]
    assert "CANARY" not in answer.text + str(answer.headers) + redirected.text + house.everything()


def test_a_refusal_has_googles_shape(house: House, model_api: FakeModelApi) -> None:
    answer = house.door(house.sandbox()).post(GENERATE, json={"contents": [], "tools": [{"googleSearch": {}}]})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["status"]) == (403, 403, "PERMISSION_DENIED")
    assert error["details"][0]["reason"] == "bellhop_refused"
    assert "googleSearch" in error["message"]
    assert model_api.asked == []


def test_any_compatible_upstream_under_a_path_of_its_own(house: House, model_api: FakeModelApi) -> None:
    """A team's own LiteLLM, vLLM or proxy: an address with a path, and whatever word it takes for a key."""
    sandbox_id = house.sandbox()
    base = house.settings.anthropic_api_url
    house.stop()
    house.settings = house.settings.model_copy(update={
        "anthropic_api_url": f"{base}/team/bedrock/", "openai_api_url": f"{base}/litellm", "gemini_api_url": f"{base}/g",
        "openai_api_key": SecretStr("any-word"),
    })
    house.start()
    door = house.door(sandbox_id)
    assert door.post("/anthropic/v1/messages", json={"model": "m"}).status_code == 200
    assert door.post("/openai/v1/chat/completions", json={"model": "qwen3-coder"}).status_code == 401, "the fake knows no such key"
    assert door.post(GENERATE, json={"contents": []}).status_code == 200
    assert [asked.path for asked in model_api.asked] == [
        "/team/bedrock/v1/messages", "/litellm/v1/chat/completions", "/g/v1beta/models/gemini-2.5-pro:generateContent",
    ]
    assert dict(model_api.asked[1].headers)["authorization"] == "Bearer any-word"
