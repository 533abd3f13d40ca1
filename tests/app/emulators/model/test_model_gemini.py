"""Gemini as the emulator speaks it: turns, streams, function calls that must pair, errors in Google's shape."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from app.emulators.model import GEMINI_KEY, ModelEmulator, Script, serve
from app.emulators.model.record import record_of
from app.execute.gateway.tokens import Tokens
from app.execute.gateway.usage import UsageReader
from app.ledger import exchanges
from app.settings import Settings
from tests.app.emulators.model.model_kit import Served, served
from tests.app.emulators.model.sse_reader import read

PATH = "/v1beta/models/gemini-2.5-pro"
SCRIPT = {"turns": [
    {"text": "I look.", "tools": [{"name": "bash", "arguments": {"command": "ls"}}],
     "usage": {"input_tokens": 1200, "cached_input_tokens": 1000, "output_tokens": 77}},
    {"text": "Done.", "expect": ["a\\.txt"]},
]}
TOOLS = [{"functionDeclarations": [{"name": "bash", "parameters": {"type": "object"}}]}]
FIRST: dict[str, Any] = {"systemInstruction": {"parts": [{"text": "be kind"}]}, "tools": TOOLS,
                         "contents": [{"role": "user", "parts": [{"text": "go"}]}]}


def ask(found: Served, request: dict[str, Any], *, verb: str = "generateContent", key: str = GEMINI_KEY) -> httpx.Response:
    query = "?alt=sse" if verb.startswith("stream") else ""
    return found.client.post(f"{PATH}:{verb}{query}", json=request, headers={"x-goog-api-key": key} if key else {})


def answered(first: dict[str, Any]) -> dict[str, Any]:
    """The request for the second turn."""
    response = {"functionResponse": {"name": "bash", "response": {"output": "a.txt"}}}
    return FIRST | {"contents": [*FIRST["contents"], first, {"role": "user", "parts": [response]}]}


def test_two_turns_with_a_function_call_between_them() -> None:
    with served(SCRIPT) as found:
        first = ask(found, FIRST).json()["candidates"][0]
        assert first["content"]["parts"][1]["functionCall"]["args"] == {"command": "ls"}
        second = ask(found, answered(first["content"])).json()
        assert second["candidates"][0]["content"]["parts"] == [{"text": "Done."}]
        assert second["modelVersion"] == "gemini-2.5-pro"
        assert (found.emulator.failures, found.emulator.unplayed()) == ([], [])


@pytest.mark.parametrize("verb", ["generateContent", "streamGenerateContent"])
def test_the_gateway_reads_its_usage(verb: str) -> None:
    with served(SCRIPT) as found:
        answer = ask(found, FIRST, verb=verb)
    reader = UsageReader("gemini", f"{PATH}:{verb}", answer.headers["content-type"])
    reader.feed(answer.content)
    assert reader.result() == Tokens(input=1200, output=77, cache_read=1000)


def test_a_stream_says_the_same_in_pieces() -> None:
    with served(SCRIPT) as found:
        whole = ask(found, FIRST).json()["candidates"][0]["content"]["parts"]
        chunks = [json.loads(event.data) for event in read(ask(found, FIRST, verb="streamGenerateContent").content)]
    parts = [part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]]
    assert "".join(part.get("text", "") for part in parts) == whole[0]["text"]
    assert parts[-1] == whole[1]
    assert ["finishReason" in chunk["candidates"][0] for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


def test_it_is_strict() -> None:
    with served(SCRIPT) as found:
        nobody, wrong = ask(found, FIRST, key=""), ask(found, FIRST, key="mine")
        assert (nobody.status_code, nobody.json()["error"]["status"]) == (403, "PERMISSION_DENIED")
        assert (wrong.status_code, wrong.json()["error"]["details"][0]["reason"]) == (400, "API_KEY_INVALID")
        headers = {"x-goog-api-key": GEMINI_KEY}
        assert found.client.post(f"{PATH}:streamGenerateContent", json=FIRST, headers=headers).status_code == 400
        assert found.client.post(f"{PATH}:embedContent", json=FIRST, headers=headers).status_code == 404
        assert ask(found, {"contents": []}).status_code == 400
        call = {"role": "model", "parts": [{"functionCall": {"name": "bash", "args": {}}}]}
        unanswered = {"contents": [*FIRST["contents"], call, {"role": "user", "parts": [{"text": "well?"}]}]}
        assert "number of function response parts" in ask(found, unanswered).json()["error"]["message"]
        assert found.client.get("/v1beta/models", headers=headers).json()["models"][0]["name"] == "models/emulated-model"
        assert ask(found, {"contents": FIRST["contents"]}, verb="countTokens").json()["totalTokens"] > 0


def test_what_the_gateway_recorded_can_be_replayed() -> None:
    with served(SCRIPT) as found:
        answer = ask(found, FIRST)
    kept = exchanges.Exchange(
        "r", "r-work", "gemini", f"{PATH}:generateContent", json.dumps(FIRST).encode(), 200, "application/json", answer.content,
        1, 1, 1, 1,
    )
    with serve(ModelEmulator(record_of([kept]))) as url, httpx.Client(base_url=url, trust_env=False) as client:
        again = client.post(f"{PATH}:generateContent", json=FIRST, headers={"x-goog-api-key": GEMINI_KEY})
    assert again.json() == answer.json()


def test_a_fault_has_googles_shape() -> None:
    faulty = Script.model_validate({"turns": [{"text": "x", "faults": [{"status": 429, "retry_after_seconds": 7}]}]})
    with served(faulty) as found:
        answer = ask(found, FIRST)
    assert (answer.status_code, answer.json()["error"]["status"], answer.headers["retry-after"]) == (429, "RESOURCE_EXHAUSTED", "7")


def test_the_vendors_own_address_is_the_default() -> None:
    assert Settings().gemini_api_url.startswith("https://generativelanguage.")
