"""The gateway's pure parts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.core.sandbox.turn import last_turn
from app.core.step import Step
from app.errors import ConfigurationError
from app.execute.agents import agent_named
from app.execute.gateway.admit import Target, admit
from app.execute.gateway.allowance import Allowance
from app.execute.gateway.headers import request_headers, response_headers
from app.execute.gateway.lines import clean, to_steps
from app.execute.gateway.places import bind_socket, check_socket_path
from app.execute.gateway.recorder import RESPONSE_BYTES, Recording
from app.execute.gateway.redact import MASK, Redactor
from app.execute.gateway.upstream import Upstream
from app.settings import Settings
from tests.app.execute.gateway.house import plain_agent

SECRET = b"sk-aab-aaba"


@pytest.mark.parametrize("size", range(1, 30))
def test_a_secret_is_found_however_the_stream_is_cut(size: int) -> None:
    stream = b"sk-a" + SECRET + b"sk-aab-" + SECRET + SECRET + b"..sk-aab-aab" + SECRET[:-1] + b"sk"
    redactor = Redactor(SECRET)
    came = b"".join(redactor.feed(stream[start:start + size]) for start in range(0, len(stream), size))
    assert came + redactor.flush() == stream.replace(SECRET, MASK)


def test_what_cannot_be_the_secret_is_passed_at_once() -> None:
    redactor = Redactor(SECRET)
    assert redactor.feed(b"data: one\n\n") == b"data: one\n\n"
    assert redactor.feed(b"data: sk-a") == b"data: "
    assert redactor.feed(b"x") == b"sk-ax"
    with pytest.raises(ValueError, match="no secret"):
        Redactor(b"")


def test_admission_is_by_exact_bytes() -> None:
    assert admit("POST", b"/anthropic/v1/messages", b"") == Target("anthropic", "POST", "/v1/messages")
    assert admit("POST", b"/anthropic/v1/messages", b"beta=true") == Target("anthropic", "POST", "/v1/messages", "beta=true")
    assert admit("POST", b"/anthropic/v1/messages", b"beta=true&") is None
    assert admit("POST", b"/anthropic/v1/%6dessages", b"") is None
    assert admit("POST", b"/openai/v1/responses", b"beta=true") is None


def test_headers_pass_by_name_only() -> None:
    sent = [(b"Accept", b"a"), (b"ACCEPT", b"b"), (b"X-Api-Key", b"mine"), (b"Accept-Encoding", b"br")]
    assert request_headers("anthropic", sent, "KEY") == [
        (b"accept", b"a, b"), (b"x-api-key", b"KEY"), (b"accept-encoding", b"identity"),
    ]
    received = [(b"X-RateLimit-Left", b"1"), (b"Request-Id", b"has KEY in it"), (b"Set-Cookie", b"a"), (b"Location", b"/")]
    assert response_headers(received, "KEY") == [(b"x-ratelimit-left", b"1")]


@pytest.mark.parametrize("value", [b"a\x01b", b"caf\xe9", b"a\x7fb"], ids=["control", "latin-1", "delete"])
def test_a_header_that_cannot_be_sent_on_costs_nobody_an_answer(value: bytes) -> None:
    """The door's own parser lets more through than is sent on."""
    assert b"user-agent" not in dict(request_headers("anthropic", [(b"user-agent", value)], "KEY"))


def test_an_allowance_is_given_back() -> None:
    allowance = Allowance(10)
    with allowance.share() as one, allowance.share() as two:
        assert one.take(6)
        assert not two.take(5)
        assert two.take(4)
    assert allowance.left == 10


def test_lines_of_unknown_agents_are_kept() -> None:
    assert to_steps(None, "work", "stdout", "x") == [Step(kind="log", text="x", data={"stream": "stdout"})]
    assert to_steps(plain_agent("plain"), "work", "runner", '{"say": "x"}')[0].kind == "log"


@pytest.mark.parametrize("name", ["acp", "claude-code", "codex", "command", "gemini-cli", "mini", "opencode"])
@pytest.mark.parametrize("speaker", ["runner", "gateway", "bellhop", None, 1])
def test_t72_an_agent_cannot_speak_as_the_runner(name: str, speaker: object) -> None:
    """A turn that only it says begins would cut away the error that it ended with."""
    said = {"kind": "log", "text": "turn 2 begins, with what ann said", "data": {"stream": speaker, "x": 1}}
    steps = to_steps(agent_named(name), "work", "stdout", json.dumps({"kind": "error", "text": "it failed"}))
    steps += to_steps(agent_named(name), "work", "stdout", json.dumps(said))
    assert last_turn(steps) == steps
    assert {step.data.get("stream", "stdout") for step in steps} == {"stdout"}
    assert clean("a\x00\ud800b") == "a\ufffd\ufffdb"


def test_a_recording_is_bounded_and_says_so() -> None:
    with Allowance(2 * RESPONSE_BYTES).share() as share:
        recording = Recording(Target("anthropic", "POST", "/v1/messages"), b"{}", share)
        recording.begin(200, "text/plain")
        for _ in range(3):
            recording.feed(b"x" * (RESPONSE_BYTES // 2))
        assert recording.response() == b"x" * RESPONSE_BYTES + (
            f"\n[bellhop: {RESPONSE_BYTES // 2} more bytes not kept]".encode()
        )


def test_a_socket_path_that_is_too_long_says_what_to_set(tmp_path: Path) -> None:
    check_socket_path(Path("/" + "x" * 106))
    with pytest.raises(ConfigurationError, match="BELLHOP_RUNTIME_DIR"):
        check_socket_path(Path("/" + "x" * 107))
    with pytest.raises(ConfigurationError, match="108 bytes"):
        check_socket_path(Path("/" + "é" * 53 + "x"))


def test_what_is_no_socket_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("kept")
    with pytest.raises(ConfigurationError, match="in the way"):
        bind_socket(tmp_path / "s", mode=0o600)
    assert (tmp_path / "s").read_text() == "kept"


@pytest.mark.parametrize("wrong", [
    {"anthropic_api_url": "ftp://x"}, {"anthropic_api_url": "https://u:p@x"}, {"openai_api_url": "https://x/?a=b"},
    {"openai_api_url": "https://x/#f"}, {"openai_api_url": ""}, {"openai_api_url": "https://"},
    {"outbound_proxy": "gopher://x"}, {"ca_bundle": Path("/nonexistent/ca.pem")},
])
def test_an_upstream_that_cannot_be_is_refused_at_the_start(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        Upstream(Settings().model_copy(update=wrong))
