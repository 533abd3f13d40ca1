"""Arbitrary bytes at whatever in the gateway reads a sandbox's words: an answer, or a refusal; never anything else."""

from __future__ import annotations

import json
from contextlib import suppress

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.exceptions import HTTPException

from app.core.sandbox.destination import parse_authority
from app.execute.gateway.admit import Target, admit
from app.execute.gateway.body import json_object
from app.execute.gateway.body_policy import look
from app.execute.gateway.egress.client_hello import NotAHello, server_name
from app.execute.gateway.egress.head import Refused, destination_of
from app.execute.gateway.ending import parse_end
from app.execute.gateway.headers import request_headers, response_headers
from app.execute.gateway.lines import parse_batch
from tests.app.execute.gateway.house import House
from tests.fuzz.test_webhook_door import JSON

BOUNDED = settings(max_examples=150, derandomize=True, deadline=None)
TARGETS = [found for found in (
    admit("POST", b"/anthropic/v1/messages", b""), admit("POST", b"/openai/v1/responses", b""),
    admit("POST", b"/openai/v1/chat/completions", b""), admit("POST", b"/gemini/v1beta/models/m:generateContent", b""),
) if found is not None]
MODELS = ("anthropic/*", "openai/*", "gemini/*")
VENDORS_OWN = {"anthropic": {"mcp_servers", "container"}, "openai": {"previous_response_id", "conversation", "prompt", "background"}}
KEY = "sk-ant-a-real-key"
# What a request may hold, put together wrongly.
PARTS = st.sampled_from(["model", "messages", "tools", "input", "system", "content", "type", "source", "file_id", "image_url", "url", "contents",
                         "mcp_servers", "container", "previous_response_id", "role", "user", "web_search", "function", "m", "base64"])
BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | PARTS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(PARTS, inner, max_size=5),
    max_leaves=20,
)


@BOUNDED
@given(body=st.one_of(st.binary(max_size=200), JSON.map(lambda value: json.dumps(value).encode())))
def test_the_runners_words_are_read_or_refused(body: bytes) -> None:
    with suppress(HTTPException):
        read = json_object(body)
        for parse in (parse_batch, parse_end):
            with suppress(HTTPException):
                parse(read)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.api}{target.path[-12:]}")
@BOUNDED
@given(body=st.one_of(st.binary(max_size=200), BODIES.map(lambda value: json.dumps(value).encode())))
def test_t56_a_model_request_of_any_shape_is_judged(target: Target, body: bytes) -> None:
    asked = look(target, body, MODELS)
    if asked.refused is None:
        # What passes is one document that everybody reads alike, and asks for none of these.
        assert isinstance(json.loads(body), dict)
        assert not VENDORS_OWN.get(target.api, set()) & {
            name for name, value in json.loads(body).items() if value not in (None, False)
        }


@BOUNDED
@given(method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "CONNECT"]), path=st.binary(max_size=80), query=st.binary(max_size=20))
def test_t56_no_path_but_the_named_ones_is_admitted(method: str, path: bytes, query: bytes) -> None:
    found = admit(method, path, query)
    if found is not None:
        assert method in ("GET", "POST")
        assert path.startswith(f"/{found.api}/".encode())
        assert b".." not in path
        assert b"//" not in path


@BOUNDED
@given(st.lists(st.tuples(st.binary(min_size=1, max_size=20), st.binary(max_size=40)), max_size=8))
def test_t56_no_credential_of_a_clients_passes(sent: list[tuple[bytes, bytes]]) -> None:
    sent += [(b"X-Api-Key", b"theirs"), (b"Authorization", b"Bearer theirs"), (b"OpenAI-Organization", b"theirs"), (b"Cookie", b"theirs")]
    passed = request_headers("anthropic", sent, KEY)
    assert [value for name, value in passed if b"theirs" in value] == []
    assert [value for name, value in passed if name == b"x-api-key"] == [KEY.encode()]
    assert [value for _, value in response_headers([*sent, (b"request-id", KEY.encode())], KEY) if KEY.encode() in value] == []


@BOUNDED
@given(st.binary(max_size=120))
def test_t55_an_egress_head_is_a_destination_or_a_refusal(target: bytes) -> None:
    with suppress(h11.LocalProtocolError):
        request = h11.Request(method="CONNECT", target=target, headers=[("Host", "a.example:443")])
        with suppress(Refused):
            found = destination_of(request, (), {})
            raise AssertionError(f"nothing is named, and {found} passed")
    with suppress(ValueError):
        name = parse_authority(target)
        assert str(name).encode() == target.lower() or b"[" in target or name.address is not None


@BOUNDED
@given(st.binary(max_size=200), st.booleans())
def test_t55_a_client_hello_is_a_name_or_none(data: bytes, is_tls: bool) -> None:
    with suppress(NotAHello):
        name = server_name((b"\x16\x03\x01" + len(data).to_bytes(2, "big") if is_tls else b"") + data)
        assert name is None or isinstance(name, str)


HEADS = [
    b"", b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", b"\x00" * 64 + b"\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://evil.invalid/ HTTP/1.1\r\nHost: a\r\n\r\n", b"POST /runner/end HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"POST /runner/end HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
    b"POST /runner/end HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"GET /%00/../../x HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /runner/messages?after=" + b"9" * 400 + b" HTTP/1.1\r\nHost: a\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]",
    b"GET /registry/%2e%2e/ HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /git/../../x HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /anthropic/v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n{",
]


def test_the_doors_answer_or_hang_up_and_go_on(house: House) -> None:
    sandbox = house.sandbox()
    for name in ("door.sock", "egress.sock"):
        for head in HEADS:
            said = _said(house, sandbox, name, head)
            assert not said or said.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5")) or b" 200 " in said[:16], (head, said)
            assert b"Traceback" not in said
            assert not said.startswith((b"HTTP/1.1 500",)), head
    assert house.claimed(sandbox).get("/runner/assignment").status_code == 200


@settings(max_examples=40, derandomize=True, deadline=None)
@given(path=st.text(alphabet="abcxyz0189-./%", max_size=40), method=st.sampled_from(["POST", "DELETE", "GET", "PUT"]))
def test_the_control_socket_takes_no_path_but_its_own(control: House, path: str, method: str) -> None:
    import httpx

    with httpx.Client(transport=httpx.HTTPTransport(uds=str(control.settings.gateway_socket)), base_url="http://gateway", timeout=10) as client:
        answer = client.request(method, f"/doors/{path}")
    assert 200 <= answer.status_code < 500
    assert sorted(entry.name for entry in control.settings.runtime_dir.iterdir()) == ["doors", "gateway.lock", "gateway.sock"]


def _said(house: House, sandbox: str, name: str, sent: bytes) -> bytes:
    import socket

    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(5)
        line.connect(str(house.socket(sandbox, name)))
        line.sendall(sent)
        line.shutdown(socket.SHUT_WR)
        came = b""
        with suppress(OSError):
            while piece := line.recv(65_536):
                came += piece
        return came
