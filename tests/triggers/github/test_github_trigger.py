"""One delivery at the GitHub trigger: the signature first, then the headers, then the body."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from app.core.event import Event, Ignored
from app.errors import ConfigurationError, DeliveryRefused
from triggers.github.signature import sign
from triggers.github.trigger import GitHubTrigger

SECRET = "It's a Secret to Everybody"
PAYLOADS = Path(__file__).resolve().parents[2] / "payloads" / "github" / "webhooks"
LABELED = (PAYLOADS / "issues" / "labeled.payload.json").read_bytes()
TRIGGER = GitHubTrigger(SecretStr(SECRET))

Headers = list[tuple[bytes, bytes]]


def signed(body: bytes, event: bytes = b"issues", content_type: bytes = b"application/json") -> Headers:
    return [
        (b"content-type", content_type),
        (b"x-github-event", event),
        (b"x-github-delivery", b"72d3162e-cc78-11e3-81ab-4c9367dc0958"),
        (b"x-hub-signature-256", sign(SECRET.encode(), body)),
    ]


def without(headers: Headers, name: bytes) -> Headers:
    return [header for header in headers if header[0] != name]


def refusal(headers: Headers, body: bytes) -> tuple[int, str]:
    with pytest.raises(DeliveryRefused) as refused:
        TRIGGER.receive(headers, body)
    assert "\n" not in str(refused.value)
    return refused.value.status, refused.value.reason


def test_githubs_published_signing_vector() -> None:
    """https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries"""
    expected = b"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert sign(SECRET.encode(), b"Hello, World!") == expected


def test_a_signed_delivery_is_an_event() -> None:
    event = TRIGGER.receive(signed(LABELED), LABELED)
    assert isinstance(event, Event)
    assert event.delivery_key == "72d3162e-cc78-11e3-81ab-4c9367dc0958"


def test_the_signature_covers_the_raw_form() -> None:
    body = urlencode({"payload": LABELED.decode()}).encode()
    event = TRIGGER.receive(signed(body, content_type=b"application/x-www-form-urlencoded; charset=utf-8"), body)
    assert event == TRIGGER.receive(signed(LABELED), LABELED)


def test_a_ping_is_ignored_and_signed_like_the_rest() -> None:
    body = (PAYLOADS / "ping" / "with-app_id.payload.json").read_bytes()
    result = TRIGGER.receive(signed(body, b"ping"), body)
    assert isinstance(result, Ignored)
    assert result.reason == "ping"
    assert refusal(without(signed(body, b"ping"), b"x-hub-signature-256"), body) == (401, "signature_missing")


SIGNATURE = sign(SECRET.encode(), LABELED)
BAD_SIGNATURES: dict[str, list[bytes]] = {
    "none": [],
    "empty": [b""],
    "no prefix": [SIGNATURE.removeprefix(b"sha256=")],
    "another prefix": [SIGNATURE.replace(b"sha256=", b"sha1=")],
    "upper case": [SIGNATURE.upper()],
    "cut": [SIGNATURE[:-1]],
    "longer": [SIGNATURE + b"0"],
    "spaced": [b" " + SIGNATURE],
    "not ascii": ["sha256=\u00e9\u00e9".encode()],
    "two": [SIGNATURE, SIGNATURE],
    "sha1 of the same body": [b"sha1=" + hmac.new(SECRET.encode(), LABELED, hashlib.sha1).hexdigest().encode()],
    "of the same json written anew": [sign(SECRET.encode(), json.dumps(json.loads(LABELED)).encode())],
    "with another secret": [sign(b"another", LABELED)],
}


@pytest.mark.parametrize("values", BAD_SIGNATURES.values(), ids=BAD_SIGNATURES.keys())
def test_t1_a_signature_that_is_not_exactly_right_is_refused(values: list[bytes]) -> None:
    headers = without(signed(LABELED), b"x-hub-signature-256")
    status, reason = refusal([*headers, *((b"x-hub-signature-256", value) for value in values)], LABELED)
    assert status == 401
    assert reason.startswith("signature_")


def test_t1_nothing_is_parsed_before_the_signature_holds() -> None:
    """A body that cannot be parsed and headers that are missing are not even noticed without a signature."""
    assert refusal([], b"{not json") == (401, "signature_missing")


def test_a_flipped_byte_is_refused() -> None:
    headers = signed(LABELED)
    for position in range(0, len(LABELED), 97):
        flipped = bytearray(LABELED)
        flipped[position] ^= 1
        assert refusal(headers, bytes(flipped)) == (401, "signature_mismatch")


@given(st.binary(max_size=80))
def test_t2_no_other_bytes_pass_for_the_signature(value: bytes) -> None:
    if value != SIGNATURE:
        headers = [*without(signed(LABELED), b"x-hub-signature-256"), (b"x-hub-signature-256", value)]
        assert refusal(headers, LABELED) == (401, "signature_mismatch")


@pytest.mark.parametrize("name", [b"x-github-event", b"x-github-delivery"])
@pytest.mark.parametrize("values", [[], [b""], [b"a b"], [b"x" * 300], [b"\xff"], [b"issues", b"issues"]], ids=str)
def test_the_two_headers_must_be_there_once_and_in_shape(name: bytes, values: list[bytes]) -> None:
    status, reason = refusal([*without(signed(LABELED), name), *((name, value) for value in values)], LABELED)
    assert status == 400
    assert reason in ("header_missing", "header_repeated")


def deep(levels: int) -> bytes:
    return b'{"a":' + b"[" * levels + b"]" * levels + b"}"


BAD_BODIES: dict[str, bytes] = {
    "nothing": b"",
    "cut": LABELED[:-5],
    "list": b"[]",
    "null": b"null",
    "nan": b'{"a": NaN}',
    "infinity": b'{"a": -Infinity}',
    "key twice": b'{"action": "labeled", "action": "opened"}',
    "key twice below": b'{"a": [{"b": 1, "b": 2}]}',
    "deep": deep(100_000),
    "latin-1": b'{"a": "\xe9"}',
    "utf-16": '{"a": 1}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "endless number": b'{"a": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_t6_json_with_more_than_one_reading_is_refused(body: bytes) -> None:
    assert refusal(signed(body), body) == (400, "bad_json")


@pytest.mark.parametrize("content_type", [b"", b"text/plain", b"application/jsonp", b"multipart/form-data; boundary=x"])
def test_another_content_type_is_refused(content_type: bytes) -> None:
    assert refusal(signed(LABELED, content_type=content_type), LABELED) == (400, "content_type")


@pytest.mark.parametrize("body", [b"", b"payload", b"payload=%ff", b"payload={}&payload={}", b"other={}", b"&" * 50, b"\xff=1"])
def test_a_form_without_exactly_one_payload_is_refused(body: bytes) -> None:
    assert refusal(signed(body, content_type=b"application/x-www-form-urlencoded"), body) == (400, "bad_form")


@pytest.mark.parametrize("secret", ["", "  ", "\n"])
def test_t5_an_empty_secret_refuses_to_start(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="BELLHOP_GITHUB_WEBHOOK_SECRET"):
        GitHubTrigger(SecretStr(secret))


def test_explain_reads_what_nobody_signed() -> None:
    assert isinstance(TRIGGER.read("issues", "by-hand", LABELED), Event)
