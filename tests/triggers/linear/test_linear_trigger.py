"""One delivery at the Linear trigger: the signature first, then the JSON, then the clock; what is refused leaves no row."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import text
from structlog.testing import capture_logs

from app.core.event import Event, Ignored
from app.core.profile import Profile
from app.errors import ConfigurationError, DeliveryRefused
from app.intake import Intake
from app.ledger import schema
from app.ledger.database import Database
from app.ports import Trigger
from app.settings import Settings
from tests.triggers.test_route import Silence
from triggers import make_triggers
from triggers.linear.addressed import Bot
from triggers.linear.signature import sign
from triggers.linear.trigger import BODY_LIMIT_BYTES, LinearTrigger
from triggers.route import hook_routes

SECRET, OLD = "lin_wh_a-secret-for-tests", "lin_wh_the-one-before"
GITHUBS = "a secret of GitHub's"
SENT_AT_MS = 1767607200000
BODY = (Path(__file__).resolve().parents[2] / "payloads" / "linear" / "samples" / "AgentSessionEvent.created.json").read_bytes()
BOT = Bot(login="bellhop[bot]")

Headers = list[tuple[bytes, bytes]]


def trigger(secret: str = SECRET, at_ms: float = SENT_AT_MS) -> LinearTrigger:
    return LinearTrigger(SecretStr(secret), BOT, clock=lambda: at_ms / 1000)


def signed(body: bytes, secret: str = SECRET, **headers: str) -> Headers:
    named = {"content-type": "application/json", "linear-delivery": "234d1a4e-b617-4388-90fe-adc3633d6b72", "linear-event": "AgentSessionEvent"}
    return [
        *((name.encode(), value.encode()) for name, value in (named | headers).items()),
        (b"linear-signature", sign(secret.encode(), body)),
    ]


def without(headers: Headers, name: bytes) -> Headers:
    return [header for header in headers if header[0] != name]


def refusal(headers: Headers, body: bytes, at_ms: float = SENT_AT_MS) -> tuple[int, str]:
    with pytest.raises(DeliveryRefused) as refused:
        trigger(at_ms=at_ms).receive(headers, body)
    assert "\n" not in str(refused.value)
    return refused.value.status, refused.value.reason


def body_with(**members: Any) -> bytes:
    return json.dumps({**json.loads(BODY), **members}).encode()


def test_a_signed_delivery_is_an_event() -> None:
    # As Linear's page has it: the bare hexadecimal HMAC-SHA256 of the raw body.
    assert dict(signed(BODY))[b"linear-signature"] == hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest().encode()
    event = trigger().receive(signed(BODY), BODY)
    assert isinstance(event, Event)
    assert event.delivery_key == "234d1a4e-b617-4388-90fe-adc3633d6b72"


def test_either_of_two_secrets_counts_while_one_takes_the_others_place() -> None:
    both = trigger(f"{OLD} {SECRET}")
    assert isinstance(both.receive(signed(BODY), BODY), Event)
    assert isinstance(both.receive(signed(BODY, OLD), BODY), Event)
    assert refusal(signed(BODY, OLD), BODY) == (401, "signature_mismatch")


@pytest.mark.parametrize(("headers", "why"), [
    (without(signed(BODY), b"linear-signature"), "signature_missing"),
    ([*signed(BODY), (b"linear-signature", sign(SECRET.encode(), BODY))], "signature_repeated"),
    ([*without(signed(BODY), b"linear-signature"), (b"linear-signature", b"")], "signature_mismatch"),
    ([*without(signed(BODY), b"linear-signature"), (b"linear-signature", b"sha256=" + sign(SECRET.encode(), BODY))], "signature_mismatch"),
    ([*without(signed(BODY), b"linear-signature"), (b"linear-signature", sign(SECRET.encode(), BODY)[:-1])], "signature_mismatch"),
    ([*without(signed(BODY), b"linear-signature"), (b"linear-signature", b"\xff" * 64)], "signature_mismatch"),
    (signed(BODY, GITHUBS), "signature_mismatch"),
    (signed(json.dumps(json.loads(BODY)).encode()), "signature_mismatch"),
    (signed(BODY + b"\n"), "signature_mismatch"),
], ids=["none", "two", "empty", "prefixed", "cut", "no_ascii", "githubs_secret", "re_serialised", "truncated"])
def test_t1_a_linear_signature_that_is_not_exactly_right_is_refused(headers: Headers, why: str) -> None:
    assert refusal(headers, BODY) == (401, why)


@given(st.binary(max_size=200), st.binary(max_size=64))
def test_t1_no_other_signature_of_linears_is_taken(body: bytes, given_signature: bytes) -> None:
    headers = [*without(signed(body), b"linear-signature"), (b"linear-signature", given_signature)]
    assert refusal(headers, body) == (401, "signature_mismatch")


def test_t1_nothing_of_linears_is_parsed_before_the_signature_holds() -> None:
    for body in (b"{", b"\xff", b"[" * 100_000, b"{}", b"x" * (BODY_LIMIT_BYTES + 1)):
        assert refusal(signed(body, OLD), body) == (401, "signature_mismatch")


@pytest.mark.parametrize(("at_ms", "is_taken"), [
    (SENT_AT_MS + 60_000, True), (SENT_AT_MS - 60_000, True), (SENT_AT_MS + 61_000, False), (SENT_AT_MS - 61_000, False), (SENT_AT_MS + 3_600_000, False),
])
def test_t3_what_linear_sent_over_a_minute_ago_is_refused(at_ms: float, is_taken: bool) -> None:
    # A header that says otherwise is not signed.
    headers = signed(BODY, **{"linear-timestamp": str(int(at_ms))})
    if is_taken:
        assert isinstance(trigger(at_ms=at_ms).receive(headers, BODY), Event)
    else:
        assert refusal(headers, BODY, at_ms) == (401, "stale")


@pytest.mark.parametrize("sent_at", [None, "1767607200000", True, [], {}], ids=str)
def test_t3_a_time_that_is_no_number_is_refused(sent_at: object) -> None:
    body = body_with(webhookTimestamp=sent_at)
    assert refusal(signed(body), body) == (400, "bad_timestamp")
    body = json.dumps({name: value for name, value in json.loads(BODY).items() if name != "webhookTimestamp"}).encode()
    assert refusal(signed(body, **{"linear-timestamp": str(SENT_AT_MS)}), body) == (400, "bad_timestamp")


def test_a_body_that_cannot_be_is_refused() -> None:
    for body, why in (
        (BODY[:-40], (400, "bad_json")), (b'{"a": 1, "a": 2}', (400, "bad_json")), (b"[]", (400, "bad_json")),
        (body_with(webhookTimestamp=float("nan")), (400, "bad_json")), (b" " * (BODY_LIMIT_BYTES + 1), (413, "body_too_large")),
    ):
        assert refusal(signed(body), body) == why
    for headers in (without(signed(BODY), b"linear-delivery"), signed(BODY, **{"linear-delivery": "a b"})):
        assert refusal(headers, BODY) == (400, "header_missing")


def test_t5_linear_without_a_secret_is_not_there(bare_profile: Profile) -> None:
    github = Settings(github_webhook_secret=SecretStr(GITHUBS))
    assert "linear" not in make_triggers(github, {})
    with pytest.raises(ConfigurationError, match="BELLHOP_LINEAR_WEBHOOK_SECRET"):
        make_triggers(github, {"fix": bare_profile})
    with pytest.raises(ConfigurationError, match="empty"):
        LinearTrigger(SecretStr(" "), BOT)
    assert "linear" in make_triggers(github.model_copy(update={"linear_webhook_secret": SecretStr(SECRET)}), {"fix": bare_profile})


@pytest.fixture
def bare_profile() -> Profile:
    return Profile.model_validate({"name": "fix", "on": {"linear": {}}, "agent": {"uses": "command"}})


def test_an_app_that_was_taken_out_is_logged_for_the_operator() -> None:
    body = json.dumps({"type": "OAuthApp", "action": "revoked", "organizationId": "o-1", "webhookTimestamp": SENT_AT_MS}).encode()
    with capture_logs() as logged:
        assert isinstance(trigger().receive(signed(body), body), Ignored)
    assert [each["event"] for each in logged] == ["linear_app_revoked"]


@pytest.fixture
def door(tmp_path: Path) -> Iterator[tuple[FastAPI, Database]]:
    ledger = Database(f"sqlite:///{tmp_path / 'ledger.db'}")
    schema.upgrade(ledger)
    intake = Intake(ledger, Silence())
    triggers: dict[str, Trigger] = {**make_triggers(Settings(github_webhook_secret=SecretStr(GITHUBS)), {}), "linear": trigger()}
    yield FastAPI(routes=hook_routes(triggers, intake)), ledger
    intake.close()
    ledger.close()


@pytest.mark.anyio
async def test_t1_t3_at_the_door_only_what_is_right_leaves_a_row_and_one(door: tuple[FastAPI, Database]) -> None:
    app, ledger = door
    stale = body_with(webhookTimestamp=SENT_AT_MS - 61_000)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://bellhop.test") as http:
        for headers, body, status in (
            (signed(BODY, OLD), BODY, 401), (signed(BODY, GITHUBS), BODY, 401), (signed(stale), stale, 401), (signed(BODY), BODY[:-1], 401),
            (signed(BODY[:-1]), BODY[:-1], 400), ([(b"x-hub-signature-256", b"sha256=" + sign(SECRET.encode(), BODY))], BODY, 401),
        ):
            answer = await http.post("/hooks/linear", content=body, headers=headers)
            assert answer.status_code == status
        with ledger.read() as tx:
            assert tx.execute(text("SELECT count(*) FROM inbox")).scalar_one() == 0
        # Again, and again under another id, which is not signed. Linear takes nothing but 200 for an answer.
        for delivery, result in (("d-1", "accepted"), ("d-1", "duplicate"), ("d-2", "duplicate")):
            answer = await http.post("/hooks/linear", content=BODY, headers=signed(BODY, **{"linear-delivery": delivery}))
            assert (answer.status_code, answer.json()["result"]) == (200, result)
        with ledger.read() as tx:
            assert tx.execute(text("SELECT count(*) FROM inbox")).scalar_one() == 1
