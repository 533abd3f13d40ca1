"""Misbehaviour on demand, as a client sees it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.emulators.model import ModelEmulator, Script, serve
from tests.app.emulators.model.model_kit import FORMS, PATHS, Served, body, headers, said_in, served
from tests.app.emulators.model.sse_reader import read

LONG = "A long way to say so little, and then some more of it."
DEADLINE_SECONDS = 10.0


def faulty(*faults: dict[str, Any], **turn: Any) -> dict[str, Any]:
    return {"turns": [{"text": LONG, "faults": list(faults)} | turn]}


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.01)


TYPES = {
    "messages": {401: "authentication_error", 429: "rate_limit_error", 500: "api_error", 529: "overloaded_error"},
    "chat": {401: "invalid_request_error", 429: "requests", 500: "server_error", 529: "server_error"},
}


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("status", [401, 429, 500, 529])
@pytest.mark.parametrize("form", FORMS)
def test_an_error_and_then_the_turn(form: str, status: int, streams: bool) -> None:
    fault = {"status": status, "times": 2} | ({"retry_after_seconds": 7} if status == 429 else {})
    with served(faulty(fault)) as found:
        for _ in range(2):
            answer = found.ask(form, "go", stream=streams)
            assert answer.status_code == status
            assert answer.headers["content-type"] == "application/json"
            error = answer.json()["error"]
            assert error["type"] == TYPES["messages" if form == "messages" else "chat"][status]
            assert (answer.json().get("type") == "error") == (form == "messages")
            assert answer.headers.get("retry-after") == ("7" if status == 429 else None)
            # It is for the client to try again.
            assert "x-should-retry" not in answer.headers
        assert found.emulator.unplayed() == ["conversation 0, turn 0"]
        assert found.ask(form, "go", stream=streams).status_code == 200
        assert found.emulator.failures == []
        assert found.emulator.unplayed() == []


def test_faults_come_in_their_order_and_one_conversation_has_its_own() -> None:
    script = faulty({"status": 529}, {"status": 429, "times": 2}, {"status": 500})
    with served(script) as found:
        statuses = [found.ask("chat", "go").status_code for _ in range(6)]
        assert statuses == [529, 429, 429, 500, 200, 200]
        assert found.ask("chat", "another").status_code == 529


def test_a_fault_that_happens_always_never_ends() -> None:
    with served({"turns": [{"faults": [{"status": 529, "times": "always"}]}]}) as found:
        assert {found.ask("messages", "go").status_code for _ in range(5)} == {529}


def read_until_broken(found: Served, form: str, streams: bool) -> bytes:
    chunks: list[bytes] = []
    request = body(form, "go", stream=streams)
    with found.client.stream("POST", PATHS[form], json=request, headers=headers(form)) as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            chunks.extend(answer.iter_raw())
    return b"".join(chunks)


@pytest.mark.parametrize("form", FORMS)
def test_a_stream_that_is_dropped(form: str) -> None:
    with served(faulty({"drop_after_events": 3})) as found:
        broken = read_until_broken(found, form, streams=True)
        whole = found.ask(form, "go", stream=True).content
        assert len(read(broken)) == 3
        assert [event.name for event in read(broken)] == [event.name for event in read(whole)[:3]]
        assert found.emulator.failures == []


@pytest.mark.parametrize("form", FORMS)
def test_an_answer_that_is_dropped_half_way(form: str) -> None:
    with served(faulty({"drop_after_events": 3})) as found:
        broken = read_until_broken(found, form, streams=False)
        whole = found.ask(form, "go").content
        assert 0 < len(broken) < len(whole)
        assert whole.startswith(broken[:64])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("streams", [True, False])
def test_an_answer_that_never_comes_until_the_client_hangs_up(form: str, streams: bool) -> None:
    with served(faulty({"hang": True})) as found:
        with pytest.raises(httpx.ReadTimeout):
            found.client.post(PATHS[form], json=body(form, "go", stream=streams), headers=headers(form), timeout=0.3)
        until(lambda: found.emulator.hung_up == 1)
        assert found.ask(form, "go").status_code == 200
        assert found.emulator.hung_up == 1


@pytest.mark.parametrize("form", FORMS)
def test_a_stream_that_hangs(form: str) -> None:
    with served(faulty({"hang_after_events": 2})) as found:
        chunks: list[bytes] = []
        request = body(form, "go", stream=True)
        with found.client.stream("POST", PATHS[form], json=request, headers=headers(form), timeout=0.3) as answer:
            assert answer.status_code == 200
            with pytest.raises(httpx.ReadTimeout):
                chunks.extend(answer.iter_raw())
        assert len(read(b"".join(chunks))) == 2
        until(lambda: found.emulator.hung_up == 1)


@pytest.mark.parametrize("streams", [True, False])
def test_a_slow_drip_takes_its_time_and_comes_whole(streams: bool) -> None:
    with served({"turns": [{"text": "a"}, {"text": LONG, "drip_seconds": 0.05}]}) as found:
        started = time.monotonic()
        request = body("messages", "go", "a", "on", stream=streams)
        chunks = 0
        with found.client.stream("POST", PATHS["messages"], json=request, headers=headers("messages")) as answer:
            whole = b""
            for chunk in answer.iter_raw():
                whole += chunk
                chunks += 1
        pieces = len(read(whole)) if streams else len(whole) // 64
        assert chunks >= pieces // 2
        assert time.monotonic() - started >= 0.05 * pieces
        assert found.emulator.hung_up == 0


def test_a_drip_does_not_hold_up_others() -> None:
    script = {"conversations": [
        {"when": "slow", "turns": [{"text": LONG, "drip_seconds": 60}]}, {"when": "quick", "turns": [{"text": "now"}]},
    ]}
    with served(script) as found:
        request = body("chat", "slow", stream=True)
        with found.client.stream("POST", PATHS["chat"], json=request, headers=headers("chat")) as answer:
            next(answer.iter_raw())
            assert said_in("chat", found.ask("chat", "quick")) == "now"
        until(lambda: found.emulator.hung_up == 1)


@pytest.mark.parametrize("fault", [{"hang": True}, {"hang_after_events": 1}])
def test_the_server_stops_at_once_while_an_answer_hangs(
    fault: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    emulator = ModelEmulator(Script.model_validate(faulty(fault)))
    ended = threading.Event()

    def ask(url: str) -> None:
        try:
            httpx.post(url + PATHS["chat"], json=body("chat", "go", stream=True), headers=headers("chat"), timeout=30)
        except httpx.HTTPError:
            pass
        finally:
            ended.set()

    with serve(emulator) as url:
        client = threading.Thread(target=ask, args=(url,), daemon=True)
        client.start()
        until(lambda: len(emulator.requests) == 1)
        before = time.monotonic()
    assert time.monotonic() - before < 2
    # What uvicorn says when it had to wait for an answer and cancel it.
    assert "graceful shutdown exceeded" not in caplog.text
    assert ended.wait(DEADLINE_SECONDS)
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, timeout=5)
