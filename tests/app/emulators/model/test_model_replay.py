"""Replay: the recorded answer for the recorded request, and a plain no to everything else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.emulators.model import Normalisation, Record, RecordedExchange, Script, load_record, record_of
from app.errors import ConfigurationError
from app.ledger.exchanges import Exchange
from tests.app.emulators.model.model_kit import ANTHROPIC_HEADERS, FORMS, OPENAI_HEADERS, PATHS, Served, body, served

SCRIPT = Script.model_validate({"turns": [
    {"text": "I look.", "tools": [{"name": "bash", "arguments": {"command": "ls"}}]}, {"text": "All is \u00fcber."},
    {"text": "Bye."},
]})


def exchange(form: str, asked: dict[str, Any], answer: bytes, status: int = 200, **more: Any) -> Exchange:
    """Return what the ledger holds of one request that went through the gateway."""
    stored = {
        "run_id": "r", "sandbox_id": "r-work", "api": "anthropic" if form == "messages" else "openai",
        "path": PATHS[form], "request": json.dumps(asked).encode(), "status": status,
        "content_type": "text/event-stream; charset=utf-8" if asked.get("stream") else "application/json",
        "response": answer, "input_tokens": 1, "output_tokens": 2, "started_at_ms": 3, "duration_ms": 4,
    }
    return Exchange(**(stored | more))


def conversation(form: str) -> list[dict[str, Any]]:
    """Return the requests of one conversation, one streamed."""
    said = ["go", "I look.", "drei Dateien: \u00e4, b, c", "All is \u00fcber.", "thanks"]
    return [body(form, *said[:end], stream=end == 3, system="Be brief") for end in (1, 3, 5)]


def recorded(form: str) -> tuple[Record, list[bytes]]:
    requests = conversation(form)
    with served(SCRIPT) as found:
        answers = [found.post(form, request).content for request in requests]
        assert found.emulator.failures == []
    return record_of(exchange(form, *pair) for pair in zip(requests, answers, strict=True)), answers


def reordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(list(value))}
    return [reordered(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("form", FORMS)
def test_a_recorded_conversation_replays_byte_by_byte(form: str, tmp_path: Path) -> None:
    record, answers = recorded(form)
    record.save(tmp_path / "record.json")
    assert load_record(tmp_path / "record.json") == record
    with served(load_record(tmp_path / "record.json")) as found:
        for request, answer in zip(conversation(form), answers, strict=True):
            again = found.post(form, reordered(request))
            assert again.status_code == 200
            assert again.content == answer
            streamed = again.headers["content-type"].startswith("text/event-stream")
            assert streamed == request["stream"]
        assert found.emulator.failures == []
        assert found.emulator.unplayed() == []


def change(request: dict[str, Any], *path: str | int, to: Any) -> dict[str, Any]:
    changed: dict[str, Any] = json.loads(json.dumps(request))
    inner: Any = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = to
    return changed


@pytest.mark.parametrize("form", FORMS)
def test_another_request_is_refused_with_its_first_difference(form: str) -> None:
    record, _ = recorded(form)
    said = "input" if form == "responses" else "messages"
    request = conversation(form)[1]
    wrong = change(request, said, -1, "content", to="vier Dateien: \u00e4, b, c")
    with served(record) as found:
        answer = found.post(form, wrong)
        assert answer.status_code == 409
        assert answer.headers["x-should-retry"] == "false"
        error = answer.json()["error"]
        assert error["type"] == ("conflict_error" if form == "messages" else "invalid_request_error")
        message = error["message"]
        assert "is not in the record" in message
        common = len(request[said]) - 1
        assert f"its first {common} messages are those of exchange 1" in message
        assert f"request.{said}[{common}].content" in message
        assert "-drei Dateien: \u00e4, b, c" in message
        assert "+vier Dateien: \u00e4, b, c" in message
        assert found.emulator.failures == [message]
        # One that went wrong spoils no other.
        assert found.post(form, request).status_code == 200


@pytest.mark.parametrize(("path", "to", "shows"), [
    (("model",), "n", "request.model"),
    (("max_tokens",), 101, "request.max_tokens"),
    (("temperature",), 0, "request.temperature"),
    (("system",), "Be verbose", "request.system"),
    (("tools", 0, "name"), "sh", "request.tools[0].name"),
    (("stream",), True, "request.stream"),
    (("messages", 0, "content"), "go ", "request.messages[0].content"),
    (("messages", 0, "content"), [{"type": "text", "text": "go"}], "request.messages[0].content"),
])
def test_whatever_differs_is_another_request(path: tuple[str | int, ...], to: Any, shows: str) -> None:
    """Nothing is canned: a turn is never given for a request that is not its own."""
    record, _ = recorded("messages")
    with served(record) as found:
        answer = found.post("messages", change(conversation("messages")[0], *path, to=to))
        assert answer.status_code == 409
        assert f"differs first at {shows}:" in answer.json()["error"]["message"]


def test_a_longer_conversation_than_recorded_is_told_how_far_it_got() -> None:
    record, _ = recorded("chat")
    request = body("chat", "go", "I look.", "drei Dateien: \u00e4, b, c", "All is \u00fcber.", "thanks", "Bye.", "more",
                   stream=False, system="Be brief")
    with served(record) as found:
        message = found.post("chat", request).json()["error"]["message"]
    assert "its first 6 messages are those of exchange 2" in message
    assert "request.messages[6]" in message


def test_a_long_difference_is_cut() -> None:
    record, _ = recorded("chat")
    wrong = change(conversation("chat")[1], "messages", -1, "content", to="x" * 10_000 + "\nline" * 10_000)
    with served(record) as found:
        message = found.post("chat", wrong).json()["error"]["message"]
    assert len(message) < 3000
    assert "more lines" in message


def test_the_same_request_to_another_api_is_not_in_the_record() -> None:
    record, _ = recorded("chat")
    with served(record) as found:
        answer = found.ask("messages", "go")
        assert answer.status_code == 409
        assert "which holds none to anthropic /v1/messages" in answer.json()["error"]["message"]


def test_models_are_only_what_was_recorded() -> None:
    listed = exchange("chat", {}, b'{"object":"list","data":[]}', path="/v1/models", request=b"")
    with served(record_of([listed])) as found:
        assert found.client.get("/v1/models", headers=OPENAI_HEADERS).json() == {"object": "list", "data": []}
        assert found.client.get("/v1/models", headers=ANTHROPIC_HEADERS).status_code == 409


def test_a_replay_asks_for_a_key_too() -> None:
    record, _ = recorded("chat")
    with served(record) as found:
        answer = found.client.post(PATHS["chat"], json=conversation("chat")[0])
        assert answer.status_code == 401
        assert found.emulator.failures == []


def paths_in(found: Served, directory: str, when: str) -> int:
    text = f"I work in {directory} since {when}; {directory}/till is mine"
    return found.ask("chat", text).status_code


def test_what_varies_is_what_the_record_says() -> None:
    request = body("chat", "I work in /tmp/bh-1a2b since 09:15; /tmp/bh-1a2b/till is mine")
    stated = (
        Normalisation(pattern=r"/tmp/bh-[0-9a-f]+", replacement="<home>", why="a directory of its own for each run"),
        Normalisation(pattern=r"\b\d\d:\d\d\b", replacement="<time>", why="the time of day"),
    )
    given = [exchange("chat", request, b"{}")]
    with served(record_of(given)) as found:
        assert paths_in(found, "/tmp/bh-1a2b", "09:15") == 200
        assert paths_in(found, "/tmp/bh-ffff", "09:15") == 409
    with served(record_of(given, stated)) as found:
        assert paths_in(found, "/tmp/bh-ffff", "23:59") == 200
        assert paths_in(found, "/home/bh-ffff", "23:59") == 409
        assert "<time>" in found.emulator.failures[0]


def test_a_request_that_was_sent_again_gets_its_answers_in_order() -> None:
    """An error and then the answer, as it was, and the same again in the next replay of the same record."""
    request = body("messages", "go")
    overloaded = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    record = record_of([
        exchange("messages", request, b"", status=0), exchange("messages", request, overloaded, status=529),
        exchange("messages", request, b'{"type":"message"}'),
    ])
    assert len(record.exchanges) == 2
    with served(record) as found:
        answers = [found.post("messages", request) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [529, 200, 529, 200]
        assert answers[0].content == overloaded


def test_what_was_not_asked_for_is_named() -> None:
    record, _ = recorded("chat")
    with served(record) as found:
        found.post("chat", conversation("chat")[0])
        assert found.emulator.unplayed() == ["exchange 1", "exchange 2"]


@pytest.mark.parametrize(("more", "says"), [
    ({"response": b'{"a": \n[bellhop: 17 more bytes not kept]'}, "exchange 0 was not kept whole"),
    ({"request": b"{"}, "exchange 0 cannot be replayed"),
    ({"response": b"\xff"}, "exchange 0 cannot be replayed"),
])
def test_what_cannot_be_replayed_makes_no_record(more: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        record_of([exchange("chat", {}, b"{}", **more)])


@pytest.mark.parametrize(("text", "says"), [
    ('{"exchanges": [{"api": "mistral"}]}', "exchanges.0.api"),
    ('{"exchanges": [], "normalise": [{"pattern": "(", "replacement": "", "why": ""}]}', "not a regular expression"),
    ("{", "wrong at the top"),
])
def test_a_wrong_record_says_where(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=says):
        load_record(path)


def test_a_record_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_record(tmp_path / "none.json")


def test_a_record_is_readable_json(tmp_path: Path) -> None:
    made = RecordedExchange(api="openai", path="/v1/models", request=None, status=200, content_type="application/json",
                            response="\u00fc")
    Record(exchanges=(made,)).save(tmp_path / "record.json")
    text = (tmp_path / "record.json").read_text()
    assert "\u00fc" in text
    assert json.loads(text)["exchanges"][0]["request"] is None
