"""The model API: only the named calls, only with the real key, streamed through and recorded."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
import httpx
import pytest
from pydantic import SecretStr

from app.execute.gateway import door as door_module
from app.execute.gateway import model_api as model_api_module
from app.execute.gateway import upstream as upstream_module
from app.ledger import audit, exchanges
from app.ledger.audit import AuditRow
from app.ledger.exchanges import Exchange
from tests.app.execute.gateway.fake_model_api import (
    ANTHROPIC_KEY,
    FIRST_EVENT,
    GEMINI_KEY,
    LAST_EVENTS,
    OPENAI_KEY,
    FakeModelApi,
)
from tests.app.execute.gateway.house import House, eventually

MESSAGES = "/anthropic/v1/messages"
GENERATE = "/gemini/v1beta/models/gemini-2.5-pro:generateContent"
PINNED = [
    ("POST", "/anthropic/v1/messages"), ("POST", "/anthropic/v1/messages/count_tokens"),
    ("GET", "/anthropic/v1/models"), ("POST", "/openai/v1/responses"), ("POST", "/openai/v1/chat/completions"),
    ("GET", "/openai/v1/models"), ("GET", "/gemini/v1beta/models"), ("POST", "/gemini/v1beta/models/m:generateContent"),
    ("POST", "/gemini/v1beta/models/m:countTokens"),
]


def recorded(house: House, sandbox_id: str, count: int = 1) -> list[Exchange]:
    found: list[Exchange] = []

    def there() -> bool:
        with house.database.read() as tx:
            found[:] = exchanges.of_run(tx, sandbox_id.partition("-")[0])
        return len(found) >= count

    eventually(there)
    return found


def audited(house: House, sandbox_id: str) -> list[AuditRow]:
    with house.database.read() as tx:
        return audit.of_run(tx, sandbox_id.partition("-")[0])


@pytest.mark.parametrize(("method", "path"), PINNED)
def test_the_named_calls_pass_with_the_real_key(house: House, model_api: FakeModelApi, method: str, path: str) -> None:
    sandbox_id = house.sandbox()
    answer = house.door(sandbox_id).request(method, path, json={"model": "m"} if path.startswith(("/a", "/o")) and method == "POST" else
                                               {} if method == "POST" else None)
    assert answer.status_code == 200
    _, api, upstream_path = path.split("/", 2)
    assert [(asked.method, asked.path, asked.query) for asked in model_api.asked] == [(method, f"/{upstream_path}", "")]
    keys = {"anthropic": ("x-api-key", ANTHROPIC_KEY), "openai": ("authorization", f"Bearer {OPENAI_KEY}"),
            "gemini": ("x-goog-api-key", GEMINI_KEY)}
    headers = dict(model_api.asked[0].headers)
    credentials = {name: value for name, value in headers.items() if name in ("x-api-key", "authorization", "x-goog-api-key")}
    assert credentials == dict([keys[api]])
    exchange = recorded(house, sandbox_id)[0]
    assert (exchange.api, exchange.path, exchange.status) == (api, f"/{upstream_path}", 200)
    assert exchange.response == answer.content
    assert exchange.request == model_api.asked[0].body
    [row] = audited(house, sandbox_id)
    assert (row.action, row.target, row.verdict) == ("model", f"{method} {path}", "200")
    assert row.credential_id.startswith("sha256:")


def test_beta_is_the_only_query(house: House, model_api: FakeModelApi) -> None:
    door = house.door(house.sandbox())
    assert door.post(MESSAGES + "?beta=true", json={}).status_code == 200
    assert model_api.asked[0].query == "beta=true"
    for url in (MESSAGES + "?beta=false", MESSAGES + "?beta=true&x=1", MESSAGES + "?key=mine", "/openai/v1/models?limit=1",
                "/openai/v1/responses?beta=true", "/anthropic/v1/models?beta=true", "/gemini/v1beta/models?key=mine",
                GENERATE + "?key=mine", GENERATE + "?alt=sse", GENERATE.replace(":g", ":streamG"),
                GENERATE.replace(":g", ":streamG") + "?alt=sse&key=mine", GENERATE.replace(":g", ":streamG") + "?alt=json"):
        assert door.request("GET" if url.partition("?")[0].endswith("models") else "POST", url).status_code == 403, url
    assert len(model_api.asked) == 1


REQUEST_LINES = [
    b"POST /anthropic/v1/%2e%2e/v1/messages", b"POST /anthropic/v1/../v1/messages", b"POST /anthropic/./v1/messages",
    b"POST /anthropic//v1/messages", b"POST //anthropic/v1/messages", b"POST /anthropic/v1/Messages",
    b"POST /anthropic/V1/messages", b"POST /ANTHROPIC/v1/messages", b"POST /anthropic/v1/messages/",
    b"POST /anthropic/v1/messages%00", b"POST /anthropic/v1%2Fmessages", b"POST /%61nthropic/v1/messages",
    b"POST /anthropic/v1/messages;x=1", b"POST /anthropic/v1/messages%3Fbeta=true", b"POST /anthropic/v1/messages#x",
    b"POST http://evil.invalid/anthropic/v1/messages", b"POST http://evil.invalid/v1/messages",
    b"POST https://api.anthropic.com/v1/messages", b"POST /anthropic/@evil.invalid/v1/messages",
    b"CONNECT evil.invalid:443", b"OPTIONS *", b"post /anthropic/v1/messages", b"PUT /anthropic/v1/messages",
    b"GET /anthropic/v1/messages", b"HEAD /anthropic/v1/models", b"POST /anthropic/v1/files", b"POST /openai/v1/files",
    b"POST /anthropic/v1/messages/batches", b"GET /openai/v1/responses/r1", b"POST /openai/v1/messages",
    b"POST /gemini/v1beta/models/gemini-2.5-pro%3AgenerateContent", b"POST /gemini/v1beta/models/../files:generateContent",
    b"POST /gemini/v1beta/tunedModels/m:generateContent", b"POST /gemini/v1beta/models/m:batchGenerateContent",
    b"POST /gemini/v1beta/models/m:generateContent/", b"POST /gemini/v1/models/m:generateContent", b"POST /gemini/v1beta/files",
    b"POST /gemini/upload/v1beta/files", b"POST /gemini/v1beta/interactions", b"POST /gemini/v1beta/cachedContents",
    b"GET /gemini/v1beta/models/m:generateContent", b"POST /gemini/v1beta/models/M:generateContent",
    b"POST /gemini/v1beta/models/a/b:generateContent", b"POST /gemini/v1beta/models/:generateContent",
    b"POST /anthropic/v1/messages\\..\\files", b"DELETE /anthropic/v1/models", b"GET /runner/../anthropic/v1/models",
]


def test_no_other_spelling_reaches_the_upstream(house: House, model_api: FakeModelApi) -> None:
    """T56."""
    sandbox_id = house.sandbox()
    rest = b" HTTP/1.1\r\nHost: api.anthropic.com\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    for line in REQUEST_LINES:
        answer = house.raw(sandbox_id, line + rest)
        assert int(answer.split(b" ", 2)[1]) in (400, 403, 404, 405), line
        assert model_api.asked == [], line
    assert house.raw(sandbox_id, b"GET /anthropic/v1/models" + rest).startswith(b"HTTP/1.1 200")


def test_a_refusal_has_the_vendors_shape(house: House) -> None:
    answer = house.door(house.sandbox()).post("/anthropic/v1/files", json={})
    assert (answer.status_code, answer.headers["x-should-retry"]) == (403, "false")
    assert (answer.json()["type"], answer.json()["error"]["type"]) == ("error", "bellhop_refused")


def test_own_credentials_and_accounts_never_reach_the_upstream(house: House, model_api: FakeModelApi) -> None:
    """T56: a sandbox cannot spend or reach another account through the allowed host."""
    mine = {
        "x-api-key": "sk-mine", "authorization": "Bearer sk-mine", "api-key": "sk-mine", "openai-organization": "org",
        "openai-project": "p", "anthropic-organization": "o", "cookie": "session=1", "x-forwarded-for": "1.2.3.4",
        "forwarded": "for=x", "proxy-authorization": "Basic x", "host": "evil.invalid", "te": "trailers",
        "x-goog-api-key": "k", "connection": "x-api-key", "accept-encoding": "gzip, br", "x-anything": "else",
        "idempotency-key": "another-runs",
        "X-Api-Key ": "spaced",
    }
    passes = {"anthropic-version": "2023-06-01", "anthropic-beta": "tools", "user-agent": "cli/1", "accept": "*/*",
              "content-type": "application/json", "openai-beta": "b"}
    del mine["X-Api-Key "]
    for path, credential in ((MESSAGES, ("x-api-key", ANTHROPIC_KEY)),
                             ("/openai/v1/responses", ("authorization", f"Bearer {OPENAI_KEY}")),
                             (GENERATE, ("x-goog-api-key", GEMINI_KEY))):
        door = house.door(house.sandbox())
        assert door.post(path, content=b'{}    ', headers={**mine, **passes}).status_code == 200
        asked = model_api.asked.pop()
        assert dict(asked.headers) == {
            **passes, credential[0]: credential[1], "accept-encoding": "identity", "content-length": "6",
            "host": house.settings.anthropic_api_url.removeprefix("http://"),
        }
        assert len(asked.headers) == len(dict(asked.headers))


def test_two_keys_smuggled_in_one_request_do_not_pass(house: House, model_api: FakeModelApi) -> None:
    sandbox_id = house.sandbox()
    sent = (b"POST /anthropic/v1/messages HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-API-Key: a\r\nx-api-key: b\r\n"
            b"Anthropic-Beta: one\r\nanthropic-beta: two\r\nContent-Length: 2\r\n\r\n{}")
    assert house.raw(sandbox_id, sent).startswith(b"HTTP/1.1 200")
    headers = model_api.asked[0].headers
    assert [value for name, value in headers if name == "x-api-key"] == [ANTHROPIC_KEY]
    assert [value for name, value in headers if name == "anthropic-beta"] == ["one, two"]


DOUBTFUL = [
    b"Content-Length: 2\r\nContent-Length: 3\r\n", b"Content-Length: +2\r\n", b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding: xchunked\r\n", b"X: y\r\n\x00: z\r\n", b"Content-Length: -1\r\n",
    b"Content-Length: " + b"9" * 5000 + b"\r\n",
]


def test_doubtful_framing_is_refused(house: House, model_api: FakeModelApi) -> None:
    sandbox_id = house.sandbox()
    for framing in DOUBTFUL:
        answer = house.raw(sandbox_id, b"POST /anthropic/v1/messages HTTP/1.1\r\nHost: x\r\n" + framing + b"\r\n{}")
        assert int(answer.split(b" ", 2)[1]) >= 400, framing
    assert model_api.asked == []


def test_a_redirect_is_not_followed(house: House, model_api: FakeModelApi) -> None:
    """T57."""
    sandbox_id = house.sandbox()
    answer = house.door(sandbox_id).post(MESSAGES, json={"behave": "redirect"})
    assert answer.status_code == 502
    assert "location" not in answer.headers
    assert "BELLHOP_ANTHROPIC_API_URL" in answer.json()["error"]["message"]
    assert len(model_api.asked) == 1
    recorded(house, sandbox_id)
    assert audited(house, sandbox_id)[0].verdict == "502 upstream redirect 307"


def test_an_echo_gives_the_key_away_neither_here_nor_on_record(house: House) -> None:
    """T57."""
    sandbox_id = house.sandbox()
    for path in (MESSAGES, "/openai/v1/responses"):
        answer = house.door(sandbox_id).post(path, json={"behave": "echo"})
        assert answer.status_code == 200
        assert "[redacted]" in answer.text
        assert "CANARY" not in answer.text + str(answer.headers)
        assert answer.headers["x-request-id"] == "plain"
        assert "request-id" not in answer.headers
    recorded(house, sandbox_id, 2)
    assert "CANARY" not in house.everything()


def test_a_compressed_answer_is_refused(house: House) -> None:
    answer = house.door(house.sandbox()).post(MESSAGES, json={"behave": "gzip"})
    assert answer.status_code == 502


def test_the_upstreams_errors_pass_as_they_are(house: House) -> None:
    """R24."""
    for status in (400, 401, 404, 429, 500, 529):
        sandbox_id = house.sandbox()
        answer = house.door(sandbox_id).post(MESSAGES, json={"behave": status, "model": f"m{status}"})
        assert (answer.status_code, answer.json()["error"]["type"]) == (status, "said_no")
        assert (answer.headers["retry-after"], answer.headers["anthropic-ratelimit-tokens-remaining"]) == ("7", "3")
        assert "set-cookie" not in answer.headers
        assert recorded(house, sandbox_id)[0].status == status
        assert audited(house, sandbox_id)[0].verdict == str(status)


def test_no_cookie_travels_from_one_sandbox_to_another(house: House, model_api: FakeModelApi) -> None:
    """T62."""
    house.door(house.sandbox()).post(MESSAGES, json={"behave": 401})
    house.door(house.sandbox()).post(MESSAGES, json={})
    assert "cookie" not in dict(model_api.asked[1].headers)


def test_the_first_event_comes_before_the_last_is_sent(house: House, model_api: FakeModelApi) -> None:
    sandbox_id = house.sandbox()
    with house.door(sandbox_id).stream("POST", MESSAGES, json={"behave": "held"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        pieces = answer.iter_raw()
        assert next(pieces) == FIRST_EVENT
        model_api.go_on = True
        assert b"".join(pieces) == LAST_EVENTS
    exchange = recorded(house, sandbox_id)[0]
    assert exchange.response == FIRST_EVENT + LAST_EVENTS
    assert (exchange.input_tokens, exchange.output_tokens) == (12, 7)


def test_fifty_streams_at_once(house: House, model_api: FakeModelApi) -> None:
    sandbox_id = house.sandbox()
    door = house.door(sandbox_id)

    def one() -> bytes:
        answer = door.post(MESSAGES, json={"behave": "held"})
        return answer.content

    with ThreadPoolExecutor(50) as pool:
        streams = [pool.submit(one) for _ in range(50)]
        eventually(lambda: model_api.held == 50)
        assert house.control.health() == 1
        model_api.go_on = True
        assert {stream.result(20) for stream in streams} == {FIRST_EVENT + LAST_EVENTS}
    assert len(recorded(house, sandbox_id, 50)) == 50
    assert len(audited(house, sandbox_id)) == 50


def test_a_client_that_goes_away_ends_the_upstream_and_is_recorded(house: House, model_api: FakeModelApi) -> None:
    sandbox_id = house.sandbox()
    with house.door(sandbox_id).stream("POST", MESSAGES, json={"behave": "held"}) as answer:
        assert next(answer.iter_raw()) == FIRST_EVENT
    exchange = recorded(house, sandbox_id)[0]
    assert (exchange.status, exchange.response) == (200, FIRST_EVENT)
    assert audited(house, sandbox_id)[0].verdict == "200 client gone"
    eventually(lambda: model_api.cut == 1)


def test_a_stream_that_the_upstream_drops_is_not_passed_off_as_whole(house: House) -> None:
    """R24."""
    sandbox_id = house.sandbox()
    with pytest.raises(httpx.RemoteProtocolError):
        house.door(sandbox_id).post(MESSAGES, json={"behave": "drop"})
    exchange = recorded(house, sandbox_id)[0]
    assert exchange.response == FIRST_EVENT
    assert audited(house, sandbox_id)[0].verdict == "200 upstream ClientPayloadError"


def test_an_upstream_that_never_answers(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """R24."""
    monkeypatch.setattr(upstream_module, "_TIMEOUT", aiohttp.ClientTimeout(sock_connect=5, sock_read=0.2))
    sandbox_id = house.sandbox()
    answer = house.door(sandbox_id).post(MESSAGES, json={"behave": "silent"})
    assert answer.status_code == 502
    assert recorded(house, sandbox_id)[0].status == 502
    assert audited(house, sandbox_id)[0].verdict == "502 upstream SocketTimeoutError"


def test_an_upstream_that_is_not_there_names_the_setting(house: House) -> None:
    sandbox_id = house.sandbox()
    house.stop()
    house.settings = house.settings.model_copy(update={"openai_api_url": "http://127.0.0.1:1"})
    house.start()
    answer = house.door(sandbox_id).post("/openai/v1/responses", json={})
    assert answer.status_code == 502
    assert "BELLHOP_OPENAI_API_URL" in answer.json()["error"]["message"]
    assert recorded(house, sandbox_id)[0].status == 502


def test_without_a_key_the_agent_is_told_so_and_nothing_is_asked(house: House, model_api: FakeModelApi) -> None:
    sandbox_id = house.sandbox()
    house.stop()
    house.settings = house.settings.model_copy(update={"anthropic_api_key": SecretStr("")})
    house.start()
    answer = house.door(sandbox_id).post(MESSAGES, json={}, headers={"x-api-key": "sk-mine"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "bellhop_no_key")
    assert "ANTHROPIC_API_KEY" in answer.json()["error"]["message"]
    assert (model_api.asked, audited(house, sandbox_id)) == ([], [])


def test_a_request_over_its_bound_is_refused(house: House, model_api: FakeModelApi,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_api_module, "REQUEST_BYTES", 100_000)
    door = house.door(house.sandbox())
    assert door.post(MESSAGES, content=b"x" * 100_001).status_code == 413
    assert door.post(MESSAGES, content=(b"x" * 1000 for _ in range(101))).status_code == 413
    assert door.post(MESSAGES, content=b"{}", headers={"content-encoding": "gzip"}).status_code == 415
    assert model_api.asked == []


def test_an_end_cuts_what_still_streams_and_has_it_on_record_first(house: House, model_api: FakeModelApi) -> None:
    sandbox_id = house.sandbox()
    runner = house.claimed(sandbox_id)
    with house.door(sandbox_id).stream("POST", MESSAGES, json={"behave": "held"}) as answer:
        pieces = answer.iter_raw()  # kept, or its end would close the stream from this side
        assert next(pieces) == FIRST_EVENT
        assert runner.post("/runner/end", json={"reason": "exited", "exit_code": 0}).status_code == 204
        with house.database.read() as tx:
            assert len(exchanges.of_run(tx, sandbox_id.partition("-")[0])) == 1


def test_an_exchange_belongs_to_the_door_it_came_through(house: House) -> None:
    one, two = house.sandbox(), house.sandbox()
    claims: dict[str, Any] = {"run_id": two.partition("-")[0], "sandbox_id": two}
    house.door(one).post(MESSAGES, json=claims, headers={"x-bellhop-sandbox": two, "host": two})
    assert recorded(house, one)[0].sandbox_id == one
    with house.database.read() as tx:
        assert exchanges.of_run(tx, claims["run_id"]) == []


def test_the_keys_are_in_no_answer_no_record_and_no_log(
    house: House, model_api: FakeModelApi, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """T46, T63."""
    caplog.set_level(0)
    sandbox_id = house.sandbox()
    door = house.door(sandbox_id)
    told = ""
    behaviours: list[Any] = ["ok", "stream", "echo", "redirect", "gzip", 401, 500]
    for behave in behaviours:
        answer = door.post(MESSAGES, json={"behave": behave})
        told += answer.text + str(answer.headers)
    told += door.post("/anthropic/v1/files").text
    recorded(house, sandbox_id, len(behaviours))
    runner = house.claimed(sandbox_id)
    told += runner.get("/runner/assignment").text
    captured = capfd.readouterr()
    assert len(model_api.asked) == len(behaviours)
    for place in (told, house.everything(), caplog.text, captured.out, captured.err):
        assert "CANARY" not in place


def test_the_search_for_the_keys_would_find_them(house: House) -> None:
    sandbox_id = house.sandbox()
    house.door(sandbox_id).post(MESSAGES, content=json.dumps({"said": OPENAI_KEY}).encode())
    recorded(house, sandbox_id)
    assert "CANARY" in house.everything()


def test_one_sandbox_cannot_make_the_gateway_hold_more_than_its_share(
    house: House, model_api: FakeModelApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_module, "_ALLOWANCE_BYTES", 100_000)
    door = house.door(house.sandbox())
    held = b'{"behave": "silent", "x": "' + b"x" * 60_000 + b'"}'
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(door.post, MESSAGES, content=held)
        eventually(lambda: len(model_api.asked) == 1)
        assert door.post(MESSAGES, content=held).status_code == 503
        assert house.door(house.sandbox()).post(MESSAGES, content=b"{}").status_code == 200
        model_api.go_on = True
        assert first.result(20).status_code == 200
    eventually(lambda: door.post(MESSAGES, content=held).status_code == 200)


def test_a_client_that_goes_before_the_answer_ends_the_upstream_too(house: House, model_api: FakeModelApi) -> None:
    sandbox_id = house.sandbox()
    with pytest.raises(httpx.ReadTimeout):
        house.door(sandbox_id).post(MESSAGES, json={"behave": "silent"}, timeout=0.3)
    eventually(lambda: model_api.cut == 1)
    assert recorded(house, sandbox_id)[0].status == 0
    assert audited(house, sandbox_id)[0].verdict == "0 client gone"
