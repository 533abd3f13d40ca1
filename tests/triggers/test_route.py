"""The door over HTTP: `POST /hooks/{source}` of a real application on a real ledger."""

from __future__ import annotations

import asyncio
import gzip
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text

from app.core.profile import Profile
from app.errors import ConfigurationError
from app.intake import Intake
from app.ledger import schema
from app.ledger.database import Database
from app.settings import Settings
from triggers import ANSWERED_AT, TRIGGERS, make_services, make_triggers
from triggers.github.signature import sign
from triggers.route import BODY_LIMIT_BYTES, Door, hook_routes

SECRET = "a secret for tests"
SETTINGS = Settings(github_webhook_secret=SecretStr(SECRET))
LABELED = (
    Path(__file__).resolve().parents[1] / "payloads" / "github" / "webhooks" / "issues" / "labeled.payload.json"
).read_bytes()


class Silence:
    def route(self, inbox_id: int) -> None:
        """Nobody needs waking here."""

    def start(self, run_id: str, host: str) -> None:
        """Nobody needs waking here."""

    def finish(self, run_id: str, host: str) -> None:
        """Nobody needs waking here."""

    def sweep(self, host: str) -> None:
        """Nobody needs waking here."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    ledger = Database(f"sqlite:///{tmp_path / 'ledger.db'}")
    schema.upgrade(ledger)
    yield ledger
    ledger.close()


@pytest.fixture
def app(database: Database) -> Iterator[FastAPI]:
    intake = Intake(database, Silence())
    yield FastAPI(routes=hook_routes(make_triggers(SETTINGS, {}), intake))
    intake.close()


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://bellhop.test") as http:
        yield http


def headers(body: bytes, event: str = "issues", key: str = "d-1") -> dict[str, str]:
    return {
        "Content-Type": "application/json", "X-GitHub-Event": event, "X-GitHub-Delivery": key,
        "X-Hub-Signature-256": sign(SECRET.encode(), body).decode(),
    }


def rows(database: Database) -> int:
    with database.read() as tx:
        return int(tx.execute(text("SELECT count(*) FROM inbox")).scalar_one())


async def post(client: httpx.AsyncClient, body: bytes, **more: Any) -> httpx.Response:
    answer = await client.post("/hooks/github", content=body, headers=headers(body, **more))
    assert b"\n" not in answer.content
    return answer


@pytest.mark.anyio
async def test_what_happened_is_said(client: httpx.AsyncClient, database: Database) -> None:
    first = await post(client, LABELED)
    assert (first.status_code, first.json()) == (202, {"result": "accepted", "id": 1})
    again = await post(client, LABELED)
    assert (again.status_code, again.json()) == (200, {"result": "duplicate", "id": 1})
    ping = await post(client, b"{}", event="ping")
    assert (ping.status_code, ping.json()) == (200, {"result": "ignored", "reason": "ping"})
    new = await post(client, b"{}", event="brand_new")
    assert (new.status_code, new.json()) == (200, {"result": "unknown", "reason": "brand_new"})
    assert rows(database) == 1


@pytest.mark.anyio
async def test_refusals_name_their_reason_and_leave_no_row(client: httpx.AsyncClient, database: Database) -> None:
    unsigned = await client.post("/hooks/github", content=LABELED)
    assert (unsigned.status_code, unsigned.json()["reason"]) == (401, "signature_missing")
    assert set(unsigned.json()) == {"reason", "message"}
    bad = await post(client, b"[]")
    assert (bad.status_code, bad.json()["reason"]) == (400, "bad_json")
    nobody = await client.post("/hooks/gitlab", content=LABELED, headers=headers(LABELED))
    assert (nobody.status_code, nobody.json()["reason"]) == (404, "unknown_source")
    assert (await client.get("/hooks/github")).status_code == 405
    assert rows(database) == 0


@pytest.mark.anyio
async def test_t1_two_signatures_are_refused(client: httpx.AsyncClient) -> None:
    twice = [*headers(LABELED).items(), ("x-hub-signature-256", sign(SECRET.encode(), LABELED).decode())]
    answer = await client.post("/hooks/github", content=LABELED, headers=twice)
    assert (answer.status_code, answer.json()["reason"]) == (401, "signature_repeated")


@pytest.mark.anyio
async def test_t6_a_compressed_body_is_refused_unread(client: httpx.AsyncClient) -> None:
    bomb = gzip.compress(b"\0" * 10_000_000)
    answer = await client.post("/hooks/github", content=bomb, headers=headers(bomb) | {"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json()["reason"]) == (400, "content_encoding")


class Sender:
    """The two ends of a plain ASGI call: counts what is read, keeps what is answered."""

    def __init__(self, chunk: bytes, count: int) -> None:
        self._chunk = chunk
        self._count = count
        self.read = 0
        self.answered: list[Mapping[str, Any]] = []

    async def receive(self) -> Mapping[str, Any]:
        self.read += 1
        # A server's receive waits for the network, which is where a deadline can take hold.
        await asyncio.sleep(0)
        return {"type": "http.request", "body": self._chunk, "more_body": self.read < self._count}

    async def send(self, message: Mapping[str, Any]) -> None:
        self.answered.append(message)

    async def gone(self) -> Mapping[str, Any]:
        return {"type": "http.disconnect"}


def scope(*pairs: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http", "path_params": {"source": "github"}, "headers": list(pairs)}


@pytest.fixture
def door(database: Database) -> Iterator[Door]:
    intake = Intake(database, Silence())
    yield Door(make_triggers(SETTINGS, {}), intake)
    intake.close()


@pytest.mark.anyio
@pytest.mark.parametrize("declared", [b"26214401", b"99999999999999999999", b"-1", b"1e9", "\u0663".encode()], ids=repr)
async def test_t6_a_declared_length_over_the_limit_is_refused_unread(door: Door, declared: bytes) -> None:
    sender = Sender(b"x", 1)
    await door(scope((b"content-length", declared)), sender.receive, sender.send)
    assert sender.answered[0]["status"] == 413
    assert sender.read == 0


@pytest.mark.anyio
async def test_t6_a_length_that_lies_or_is_left_out_is_caught_while_reading(door: Door) -> None:
    for pairs in ([], [(b"content-length", b"5")]):
        sender = Sender(b"x" * 1_048_576, 1_000)
        began = time.monotonic()
        tracemalloc.start()
        await door(scope(*pairs), sender.receive, sender.send)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert sender.answered[0]["status"] == 413
        assert sender.read == BODY_LIMIT_BYTES // 1_048_576 + 1
        assert peak < 64 * 1_048_576
        assert time.monotonic() - began < 5


@pytest.mark.anyio
async def test_a_body_of_exactly_the_limit_is_read(door: Door) -> None:
    sender = Sender(b"x" * 1_048_576, 25)
    await door(scope(), sender.receive, sender.send)
    assert sender.answered[0]["status"] == 401


@pytest.mark.anyio
async def test_a_body_in_pieces_is_one_body(door: Door, database: Database) -> None:
    whole = [(name.lower().encode(), value.encode()) for name, value in headers(LABELED[:10] * 3).items()]
    sender = Sender(LABELED[:10], 3)
    await door(scope(*whole), sender.receive, sender.send)
    # The signature holds over all the pieces, and only then the JSON is found wanting.
    assert sender.answered[0]["status"] == 400
    assert rows(database) == 0


@pytest.mark.anyio
async def test_a_sender_that_went_away_gets_no_answer(door: Door) -> None:
    sender = Sender(b"", 1)
    await door(scope(), sender.gone, sender.send)
    assert sender.answered == []


@pytest.mark.anyio
async def test_a_body_that_never_ends_is_given_up(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triggers.body.READ_SECONDS", 0.05)
    sender = Sender(b"", 10**9)
    await door(scope(), sender.receive, sender.send)
    assert sender.answered[0]["status"] == 408


@pytest.mark.anyio
async def test_t6_large_bodies_at_once_are_bounded_and_small_ones_always_get_in(door: Door) -> None:
    """Whoever has no secret can still send: all their bodies together must not fill the memory."""
    held = asyncio.Event()
    at_rest = asyncio.Semaphore(0)

    class Slow(Sender):
        async def receive(self) -> Mapping[str, Any]:
            if self.read == self._count - 1:
                at_rest.release()
                await held.wait()
            return await super().receive()

        async def send(self, message: Mapping[str, Any]) -> None:
            await super().send(message)
            at_rest.release()

    slow = [Slow(b"x" * 1_048_576, 20) for _ in range(6)]
    under_way = [asyncio.create_task(door(scope(), each.receive, each.send)) for each in slow]
    while not all(each.read == 19 or len(each.answered) == 2 for each in slow):
        await at_rest.acquire()
    assert sum(bool(each.answered) for each in slow) == 4, "of 20 MB bodies, which take 40 MB each, two fit into 100 MB"
    small = Sender(b"x" * 1_000_000, 1)
    await door(scope(), small.receive, small.send)
    assert small.answered[0]["status"] == 401
    held.set()
    await asyncio.gather(*under_way)
    assert sorted(each.answered[0]["status"] for each in slow) == [401, 401, 503, 503, 503, 503]
    again = Sender(b"x" * 1_048_576, 20)
    await door(scope(), again.receive, again.send)
    assert again.answered[0]["status"] == 401, "the room is given back"


@pytest.mark.anyio
async def test_r15_when_the_ledger_cannot_be_written_the_sender_knows(
    client: httpx.AsyncClient, database: Database
) -> None:
    with database.begin() as tx:
        tx.execute(text("ALTER TABLE inbox RENAME TO away"))
    answer = await post(client, LABELED)
    assert (answer.status_code, answer.json()["reason"]) == (503, "ledger_unavailable")
    assert answer.headers["retry-after"] == "10"


def test_t5_every_trigger_refuses_to_start_without_its_secret() -> None:
    with pytest.raises(ConfigurationError):
        make_triggers(Settings(github_webhook_secret=SecretStr("")), {})


@pytest.mark.parametrize(("source", "setting"), [("linear", "linear_webhook_secret"), ("slack", "slack_signing_secret"), ("slack", "slack_app_token")])
def test_a_profile_that_waits_for_what_nobody_listens_to_does_not_start(source: str, setting: str) -> None:
    waiting = Profile.model_validate({
        "name": "fix", "on": {source: {}}, "agent": {"uses": "command", "with": {"run": "true"}}, "container": {"isolation": "process"},
    })
    with pytest.raises(ConfigurationError, match=rf"the profile fix says `on: {source}:`.*docs/{source}.md"):
        make_triggers(SETTINGS, {"fix": waiting})
    assert make_triggers(SETTINGS.model_copy(update={setting: SecretStr(SECRET)}), {"fix": waiting})


def test_every_trigger_has_both_sides_under_its_own_name() -> None:
    whole = SETTINGS.model_copy(update={"linear_webhook_secret": SecretStr(SECRET)})
    assert {source: trigger.source for source, trigger in make_triggers(whole, {}).items()} == {
        name: name for name, sides in TRIGGERS.items() if sides.door is None
    }
    assert set(make_services(SETTINGS)) == {*TRIGGERS, *ANSWERED_AT}
