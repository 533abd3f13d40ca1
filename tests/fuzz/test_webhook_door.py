"""Arbitrary deliveries at the webhook door: never an error of ours, never a row that nobody signed. Bounded and repeatable."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import text

from app.intake import Intake
from app.ledger import schema
from app.ledger.database import Database
from app.settings import Settings
from tests.triggers.test_route import Silence
from triggers import make_triggers
from triggers.github.signature import sign
from triggers.route import hook_routes

SECRET = "a secret for fuzzing"
PAYLOADS = Path(__file__).resolve().parents[1] / "payloads" / "github" / "webhooks"
KNOWN = [(path.parent.name, json.loads(path.read_text())) for path in sorted(PAYLOADS.glob("*/*.payload.json"))
         if path.parent.name in ("issues", "issue_comment")]

BOUNDED = settings(
    max_examples=150, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
NAMES = st.sampled_from(["x-github-event", "x-github-delivery", "x-hub-signature-256", "content-type", "content-encoding", "content-length", "x"])
VALUES = st.one_of(
    st.binary(max_size=40).map(lambda value: value.replace(b"\0", b"").replace(b"\r", b"").replace(b"\n", b"")),
    st.sampled_from([b"issues", b"application/json", b"application/x-www-form-urlencoded", b"gzip", b"0", b"-1", b"99999999999999", b"sha256="]),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=12,
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    ledger = Database(f"sqlite:///{tmp_path / 'ledger.db'}")
    schema.upgrade(ledger)
    yield ledger
    ledger.close()


@pytest.fixture
def app(database: Database) -> Iterator[FastAPI]:
    intake = Intake(database, Silence())
    yield FastAPI(routes=hook_routes(make_triggers(Settings(github_webhook_secret=SecretStr(SECRET)), {}), intake))
    intake.close()


def post(app: FastAPI, headers: list[tuple[bytes, bytes]], body: bytes) -> int:
    async def ask() -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://bellhop.test") as http:
            return (await http.post("/hooks/github", headers=headers, content=body)).status_code

    return asyncio.run(ask())


def rows(database: Database) -> int:
    with database.read() as tx:
        return int(tx.execute(text("SELECT count(*) FROM inbox")).scalar_one())


@BOUNDED
@given(body=st.binary(max_size=400), headers=st.lists(st.tuples(NAMES.map(str.encode), VALUES), max_size=6))
def test_t1_whatever_comes_unsigned_is_refused_without_a_row(
    app: FastAPI, database: Database, body: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    status = post(app, headers, body)
    assert 400 <= status < 500, (status, headers, body)
    assert rows(database) == 0


@BOUNDED
@given(body=st.one_of(st.binary(max_size=300), JSON.map(lambda value: json.dumps(value).encode())),
       event=VALUES, media=st.sampled_from([b"application/json", b"application/x-www-form-urlencoded", b"text/html"]))
def test_t6_signed_garbage_is_no_error_of_ours_and_no_event(
    app: FastAPI, database: Database, body: bytes, event: bytes, media: bytes
) -> None:
    headers = [(b"content-type", media), (b"x-github-event", event), (b"x-github-delivery", b"d-1"),
               (b"x-hub-signature-256", sign(SECRET.encode(), body))]
    assert post(app, headers, body) < 500
    assert rows(database) == 0


@st.composite
def bent(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A published payload with one of its members, at any depth, replaced or taken out."""
    event, payload = draw(st.sampled_from(KNOWN))
    payload = json.loads(json.dumps(payload))
    place: Any = payload
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = draw(st.sampled_from(keys))
        if isinstance(place[key], dict | list) and place[key] and draw(st.booleans()):
            place = place[key]
            continue
        if isinstance(place, dict) and draw(st.booleans()):
            del place[key]
        else:
            place[key] = draw(JSON)
        return event, payload


@BOUNDED
@given(bent())
def test_t6_a_signed_payload_with_a_member_bent_is_taken_or_refused_and_never_an_error(app: FastAPI, made: tuple[str, dict[str, Any]]) -> None:
    event, payload = made
    body = json.dumps(payload).encode()
    headers = [(b"content-type", b"application/json"), (b"x-github-event", event.encode()), (b"x-github-delivery", b"d-1"),
               (b"x-hub-signature-256", sign(SECRET.encode(), body))]
    status = post(app, headers, body)
    assert status in (200, 202, 400), (status, body[:500])
