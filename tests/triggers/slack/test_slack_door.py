"""Slack's door over HTTP, on a real ledger and against a Slack that answers over HTTP: what is proven is on file before it is acknowledged."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from slack_sdk.signature import Clock, SignatureVerifier
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from app.errors import ConfigurationError, DeliveryRefused, LedgerUnavailable
from app.intake import Intake
from app.ledger import schema
from app.ledger.database import Database
from app.log import configure_logging
from app.serving import address, listen, serving
from app.settings import ROOT, Settings
from tests.triggers.slack.test_slack_parse import SAMPLES, message, sample
from tests.triggers.test_route import Silence
from triggers import make_doors, reader
from triggers.github.signature import sign
from triggers.route import hook_routes
from triggers.slack.door import BODY_LIMIT_BYTES
from triggers.slack.proof import Proof

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
VECTOR = json.loads((ROOT / "tests" / "payloads" / "slack" / "vectors" / "signing_official.json").read_text())
COMMAND = {"command": "/bellhop", "text": "fix it", "team_id": "T111", "user_id": "U222", "user_name": "ada", "channel_id": "C111", "trigger_id": "1.1"}


class Api:
    """The two methods of Slack's Web API that the door calls."""

    def __init__(self) -> None:
        self.called: list[str] = []
        self.refuses: set[str] = set()
        self.app = Starlette(routes=[Route("/api/{method}", self.answer, methods=["POST"])])

    async def answer(self, request: Request) -> JSONResponse:
        method = request.path_params["method"]
        self.called.append(method)
        if method in self.refuses:
            return JSONResponse({"ok": False, "error": "expired_trigger_id"})
        if method == "auth.test":
            return JSONResponse({"ok": True, "team_id": "T111", "user_id": "UB111", "bot_id": "B111", "url": "https://octo.slack.com/"})
        return JSONResponse({"ok": True, "view": (await request.json())["view"]})


@pytest.fixture
def api() -> Iterator[tuple[Api, str]]:
    slack = Api()
    with listen("127.0.0.1", 0) as listener, serving(slack.app, listener):
        yield slack, f"{address('127.0.0.1', listener)}/api"


@pytest.fixture(scope="module")
def new_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger that was made once."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    with closing(Database(f"sqlite:///{path}")) as ledger:
        schema.upgrade(ledger)
    return path


@pytest.fixture
def database(new_ledger: Path, tmp_path: Path) -> Iterator[Database]:
    shutil.copy(new_ledger, tmp_path / "ledger.db")
    ledger = Database(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield ledger
    ledger.close()


def settings(url: str) -> Settings:
    return Settings(slack_signing_secret=SecretStr(SECRET), slack_bot_token=SecretStr("xoxb-1"), slack_api_url=url)


@pytest.fixture
async def client(api: tuple[Api, str], database: Database) -> AsyncIterator[httpx.AsyncClient]:
    intake = Intake(database, Silence())
    [door] = make_doors(settings(api[1]), intake)
    app = FastAPI(routes=[*door.routes, *hook_routes({}, intake)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://bellhop.test") as http:
        yield http
    intake.close()


def signed(body: bytes, *, secret: str = SECRET, at: float | None = None, kind: str = "application/json") -> dict[str, str]:
    stamp = str(int(time.time() if at is None else at))
    signature = SignatureVerifier(secret).generate_signature(timestamp=stamp, body=body)
    return {"Content-Type": kind, "X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": str(signature)}


async def post(client: httpx.AsyncClient, body: dict[str, Any], **more: Any) -> httpx.Response:
    raw = json.dumps(body).encode()
    return await client.post("/hooks/slack", content=raw, headers=signed(raw, **more))


async def post_form(client: httpx.AsyncClient, fields: dict[str, str]) -> httpx.Response:
    raw = urlencode(fields).encode()
    return await client.post("/hooks/slack", content=raw, headers=signed(raw, kind="application/x-www-form-urlencoded"))


def rows(database: Database) -> list[str]:
    with database.read() as tx:
        return list(tx.execute(text("SELECT event FROM inbox")).scalars())


@pytest.mark.anyio
async def test_an_event_its_retries_and_the_same_message_told_twice_are_one_row(client: httpx.AsyncClient, database: Database) -> None:
    body = message("<@UB111> fix it")
    for number in range(4):
        raw = json.dumps(body).encode()
        retry = {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": "http_timeout"} if number else {}
        assert (await client.post("/hooks/slack", content=raw, headers=signed(raw) | retry)).status_code == 200
    assert (await post(client, message("<@UB111> fix it", type="app_mention") | {"event_id": "Ev8"})).status_code == 200
    assert [json.loads(each)["thread"] for each in rows(database)] == ["slack:T111/C111/1595926230.009600"]


@pytest.mark.anyio
async def test_every_sample_is_acknowledged(client: httpx.AsyncClient, database: Database, api: tuple[Api, str]) -> None:
    for file in sorted(SAMPLES.glob("*.json")):
        # Bolt's own tests have data that Slack never sends.
        expected = 400 if file.name.startswith("None__test_int") else 200
        assert (await post(client, sample(file.name))).status_code == expected, file.name
    assert rows(database)
    assert set(api[0].called) == {"auth.test"}
    assert len(api[0].called) == 1, "who we are is asked once"


@pytest.mark.anyio
async def test_t1_the_official_vector_holds_and_only_at_its_time(client: httpx.AsyncClient, database: Database) -> None:
    headers = [(b"x-slack-request-timestamp", VECTOR["timestamp"].encode()), (b"x-slack-signature", VECTOR["signature"].encode())]

    class Then(Clock):
        def __init__(self, off_seconds: int) -> None:
            self.off_seconds = off_seconds

        def now(self) -> float:
            return float(VECTOR["timestamp"]) + self.off_seconds

    for off in (0, 300, -300):
        Proof(SecretStr(VECTOR["signing_secret"]), Then(off)).prove(headers, VECTOR["body"].encode())
    for off in (301, -301):
        with pytest.raises(DeliveryRefused):
            Proof(SecretStr(VECTOR["signing_secret"]), Then(off)).prove(headers, VECTOR["body"].encode())
    assert (await client.post("/hooks/slack", content=VECTOR["body"], headers=[(k.decode(), v.decode()) for k, v in headers])).status_code == 401
    assert rows(database) == []


REAL = json.dumps(message("<@UB111> fix it")).encode()


NOT_SIGNED: dict[str, dict[str, str]] = {
    "unsigned": {}, "another secret": signed(REAL, secret="another"), "another body": signed(REAL + b" "),
    "a word for a time": signed(REAL) | {"X-Slack-Request-Timestamp": "soon"}, "an exponent": signed(REAL) | {"X-Slack-Request-Timestamp": "1e9"},
    "a negative time": signed(REAL) | {"X-Slack-Request-Timestamp": "-1"}, "empty": signed(REAL) | {"X-Slack-Signature": ""},
    "cut": signed(REAL) | {"X-Slack-Signature": "v0=" + "0" * 63}, "as GitHub signs": {"X-Hub-Signature-256": sign(SECRET.encode(), REAL).decode()},
    "cross-signed": signed(REAL) | {"X-Slack-Signature": "v0=" + sign(b"github's", REAL).decode().removeprefix("sha256=")},
}


@pytest.mark.anyio
async def test_t1_t4_what_slack_has_not_signed_is_refused_unread(client: httpx.AsyncClient, database: Database) -> None:
    for name, headers in NOT_SIGNED.items():
        assert (await client.post("/hooks/slack", content=REAL, headers=headers)).status_code == 401, name
        # Not even looked at: what is no JSON is refused for its signature.
        assert (await client.post("/hooks/slack", content=b"{", headers=headers)).status_code == 401, name
    assert rows(database) == []


@pytest.mark.anyio
async def test_t3_a_stale_request_is_refused_and_a_replayed_one_is_known(client: httpx.AsyncClient, database: Database) -> None:
    assert (await post(client, message("<@UB111> fix it"), at=time.time() - 400)).status_code == 401
    assert rows(database) == []
    headers = signed(REAL)
    for _ in range(2):
        assert (await client.post("/hooks/slack", content=REAL, headers=headers)).status_code == 200
    for _ in range(2):
        await post_form(client, COMMAND)
    assert len(rows(database)) == 2
    twice = [*headers.items(), ("X-Slack-Signature", headers["X-Slack-Signature"])]
    assert (await client.post("/hooks/slack", content=REAL, headers=twice)).status_code == 401


@pytest.mark.anyio
async def test_what_has_no_one_reading_is_refused(client: httpx.AsyncClient, database: Database) -> None:
    a_form = "application/x-www-form-urlencoded"
    for raw, kind in (
        (b"{", "application/json"), (b"[]", "application/json"), (b'{"type":"a","type":"b"}', "application/json"), (b'{"type":1}', "application/json"),
        (b"payload=%7B", a_form), (b"command=a&command=b", a_form), (b"x", "text/plain"), (b"", "text/plain"),
    ):
        assert (await client.post("/hooks/slack", content=raw, headers=signed(raw, kind=kind))).status_code == 400, raw
    no_text = b'{"type":"\xff"}'
    assert (await client.post("/hooks/slack", content=no_text, headers=signed(b""))).status_code == 401
    assert rows(database) == []


@pytest.mark.anyio
async def test_t6_an_oversized_body_and_one_of_no_workspace_of_ours_leave_no_row(client: httpx.AsyncClient, database: Database) -> None:
    large = b"x" * (BODY_LIMIT_BYTES + 1)
    assert (await client.post("/hooks/slack", content=large, headers=signed(large))).status_code == 413
    assert (await post(client, message("<@UB111> fix") | {"team_id": "T222"})).status_code == 200
    assert (await post(client, message("<@UB111> fix", channel="C/1"))).status_code == 400
    assert rows(database) == []


@pytest.mark.anyio
async def test_a_command_whose_words_say_payload_is_taken(client: httpx.AsyncClient, database: Database) -> None:
    assert (await post_form(client, COMMAND | {"text": "fix the payload of till"})).status_code == 200
    assert [json.loads(each)["text"] for each in rows(database)] == ["@bellhop fix the payload of till"]


@pytest.mark.anyio
async def test_a_command_without_words_opens_the_form_or_says_how_to_do_without(
    client: httpx.AsyncClient, database: Database, api: tuple[Api, str],
) -> None:
    opened = await post_form(client, COMMAND | {"text": ""})
    assert (opened.status_code, opened.text, api[0].called) == (200, "", ["auth.test", "views.open"])
    api[0].refuses = {"views.open"}
    said = await post_form(client, COMMAND | {"text": ""})
    assert said.json()["response_type"] == "ephemeral"
    assert "`/bellhop fix" in said.json()["text"]
    await post_form(client, COMMAND | {"text": "", "team_id": "T222"})
    assert api[0].called.count("views.open") == 2, "nobody of another workspace gets a form"
    assert rows(database) == []


@pytest.mark.anyio
async def test_slack_tries_the_door_and_gets_its_answer(client: httpx.AsyncClient, database: Database) -> None:
    challenge = json.loads((ROOT / "tests" / "payloads" / "slack" / "vectors" / "url_verification.json").read_text())
    assert (await post(client, challenge)).json() == {"challenge": challenge["challenge"]}
    assert (await client.post("/hooks/slack", json=challenge)).status_code == 401
    assert (await client.post("/hooks/slack", content=b"token=abc&ssl_check=1")).status_code == 200
    assert (await client.get("/hooks/slack", params={"ssl_check": "1"})).status_code == 200
    assert (await client.get("/hooks/slack")).status_code == 405
    assert (await post_form(client, COMMAND | {"ssl_check": "1"})).status_code == 200
    assert rows(database) == []


@pytest.mark.anyio
async def test_r1_nothing_is_acknowledged_that_is_not_on_file_or_whose_workspace_is_not_known(
    client: httpx.AsyncClient, database: Database, api: tuple[Api, str], monkeypatch: pytest.MonkeyPatch,
) -> None:
    api[0].refuses = {"auth.test"}
    assert (await post(client, message("<@UB111> fix it"))).status_code == 503
    assert rows(database) == []
    api[0].refuses = set()

    async def down(*_: object) -> None:
        raise LedgerUnavailable("no")

    with monkeypatch.context() as patched:
        patched.setattr(Intake, "accept", down)
        assert (await post(client, message("<@UB111> fix it"))).status_code == 503
        assert (await post_form(client, COMMAND)).status_code == 503

        async def never(*_: object) -> None:
            await asyncio.Event().wait()

        patched.setattr(Intake, "accept", never)
        patched.setattr("triggers.slack.listeners.ANSWER_SECONDS", 0.05)
        assert (await post(client, message("<@UB111> fix it"))).status_code == 503
    assert (await post(client, message("<@UB111> fix it"))).status_code == 200
    assert len(rows(database)) == 1


@pytest.mark.anyio
async def test_t63_no_body_comes_into_the_log(api: tuple[Api, str], database: Database, capfd: pytest.CaptureFixture[str]) -> None:
    configure_logging("DEBUG")
    # Bolt's loggers take the root's level: at its chattiest, with nothing of ours to hold the libraries back.
    logging.getLogger().setLevel(logging.DEBUG)
    for loud in ("slack_bolt", "slack_sdk"):
        logging.getLogger(loud).setLevel(logging.DEBUG)
    intake = Intake(database, Silence())
    try:
        [door] = make_doors(settings(api[1]), intake)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=FastAPI(routes=door.routes)), base_url="http://bellhop.test") as http:
            for body in (message("<@UB111> CANARY"), message("CANARY", type="unheard_of"), message("a", channel="C/CANARY"), {"type": "CANARY", "a": "CANARY"}):
                await post(http, body)
                await http.post("/hooks/slack", json=body)
            await post_form(http, COMMAND | {"text": "CANARY"})
    finally:
        logging.getLogger().handlers.clear()
        intake.close()
        configure_logging("INFO")
        logging.getLogger().handlers.clear()
    said = capfd.readouterr()
    assert "delivery_refused" in said.err
    assert "CANARY" not in said.err + said.out


def test_half_of_slacks_settings_do_not_start_and_none_load_nothing(database: Database) -> None:
    intake = Intake(database, Silence())
    assert make_doors(Settings(), intake) == []
    for half in (Settings(slack_signing_secret=SecretStr("a")), Settings(slack_app_token=SecretStr("a"))):
        with pytest.raises(ConfigurationError, match="BELLHOP_SLACK_BOT_TOKEN"):
            make_doors(half, intake)
    [door] = make_doors(Settings(slack_app_token=SecretStr("xapp-1"), slack_bot_token=SecretStr("xoxb-1")), intake)
    assert door.routes == [], "without a signing secret nothing comes in over HTTP"
    intake.close()


def test_a_payload_from_a_file_can_be_explained() -> None:
    body = (SAMPLES / "app_mention__test_events_say_stream__org_app_mention_event_body.json").read_bytes()
    assert getattr(reader("slack", {}, Settings())("", "explain", body), "text", "") == "@bellhop Hi there!"
