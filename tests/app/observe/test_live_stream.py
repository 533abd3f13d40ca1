"""Live transcripts, over real sockets as a browser reads them, and at the ASGI door where a client goes away."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
import pytest

from app.core.outcome import NothingToDo
from app.core.report import Update
from app.core.step import Step
from app.ledger import audit, reports, runs
from app.ledger.database import Database
from app.main import make_app
from app.observe import stream
from app.serving import listen, serving
from app.settings import Settings
from tests.app.observe.scene_runs import FORGE, NoWakeup, ended, log_lines, say, started

QUICK_SECONDS = 0.01


class Frame(NamedTuple):
    event: str
    id: str
    data: Any


@contextmanager
def frames(client: httpx.Client, run_id: str, **headers: str) -> Iterator[Iterator[Frame]]:
    with client.stream("GET", f"/runs/{run_id}/live", headers=headers, timeout=20) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield read(answer.iter_lines())


def read(lines: Iterator[str]) -> Iterator[Frame]:
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            yield Frame(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
            fields = {}


async def collected(database: Database, run_id: str, after: int = -1) -> list[Frame]:
    said = [each async for each in stream.follow(database, run_id, after, web_url=FORGE, poll_seconds=QUICK_SECONDS)]
    return list(read(iter("".join(said).split("\n"))))


def test_steps_come_in_order_as_they_are_written_and_then_it_is_done(visitor: httpx.Client, database: Database) -> None:
    run_id, lease = started(database)
    say(database, run_id, *log_lines(3))
    with frames(visitor, run_id) as coming:
        assert [(f.event, f.id, f.data["text"]) for f in (next(coming), next(coming), next(coming))] == [
            ("step", str(number), f"line {number}") for number in range(3)]
        now = next(coming)
        assert (now.event, now.id, now.data["state"]) == ("now", "", "running")
        say(database, run_id, Step(kind="message", text="<b>later</b>"))
        later = next(coming)
        assert (later.id, later.data["text"], later.data["name"]) == ("3", "<b>later</b>", "message")
        ended(database, lease, NothingToDo(text="all is well"))
        rest = list(coming)
    assert [each.event for each in rest][-2:] == ["now", "done"]
    assert rest[-2].data["label"] == "nothing to do"
    assert "all is well" in rest[-2].data["text"]


def test_a_browser_that_comes_back_goes_on_where_it_was(visitor: httpx.Client, database: Database) -> None:
    run_id, lease = started(database)
    say(database, run_id, *log_lines(10))
    ended(database, lease, NothingToDo(text="x"))
    with frames(visitor, run_id, **{"Last-Event-ID": "6"}) as coming:
        assert [each.id for each in coming if each.event == "step"] == ["7", "8", "9"]
    with visitor.stream("GET", f"/runs/{run_id}/live?after=8") as answer:
        assert [each.id for each in read(answer.iter_lines()) if each.event == "step"] == ["9"]
    with frames(visitor, run_id, **{"Last-Event-ID": "nonsense"}) as coming:
        assert len([each for each in coming if each.event == "step"]) == 10


@pytest.mark.anyio
async def test_ten_thousand_steps_come_whole_and_without_a_wait_between_batches(database: Database) -> None:
    run_id, lease = started(database)
    say(database, run_id, *log_lines(10_000))
    ended(database, lease, NothingToDo(text="x"))
    said = [each async for each in stream.follow(database, run_id, -1, web_url=FORGE, poll_seconds=60)]
    got = list(read(iter("".join(said).split("\n"))))
    assert [each.id for each in got if each.event == "step"] == [str(number) for number in range(10_000)]
    assert got[-1].event == "done"
    assert len(said) == 10_000 // stream.BATCH_STEPS


@pytest.mark.anyio
async def test_only_what_has_changed_is_said(database: Database) -> None:
    run_id, _ = started(database)
    coming = stream.follow(database, run_id, -1, web_url=FORGE, poll_seconds=QUICK_SECONDS, keepalive_seconds=QUICK_SECONDS * 3)

    async def something() -> str:
        async with asyncio.timeout(10):
            while (said := await anext(coming)).startswith(":"):
                pass
        return said

    assert "event: now" in await something()
    assert await anext(coming) == ": still here\n\n"
    say(database, run_id, Step(kind="log", text="one"))
    both = await something()
    assert (both.count("event: step"), both.count("event: now")) == (1, 1)
    say(database, run_id, Step(kind="log", text="two"))
    assert "event: now" not in await something()
    with database.begin() as tx:
        audit.record(tx, run_id=run_id, credential_id="k", action="model", target="POST /v1", verdict="200")
    assert "POST /v1" in await something()
    with database.begin() as tx:
        reports.record(tx, run_id, f"{run_id}-work", Update(text="half way"))
    assert "half way" in await something()
    with database.begin() as tx:
        runs.request_cancel(tx, run_id)
    assert '"stopping"' in await something()
    await coming.aclose()


@pytest.mark.anyio
async def test_a_run_that_vanishes_is_done_and_a_database_that_does_not_answer_ends_it(database: Database) -> None:
    assert [each.event for each in await collected(database, "nosuchrun222")] == ["done"]
    run_id, _ = started(database)
    broken = Database("sqlite:////nowhere/at/all.db")
    assert await collected(broken, run_id) == []


@pytest.mark.anyio
async def test_a_client_that_goes_away_ends_the_servers_work(database: Database) -> None:
    """The ASGI call returns once the client is gone, though the run goes on."""
    run_id, _ = started(database)
    gone = asyncio.Event()
    sent: list[bytes] = []

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message.get("body", b""))
        if b"event: now" in sent[-1]:
            gone.set()

    answer = stream_response(database, run_id)
    scope = {"type": "http", "asgi": {"spec_version": "2.3"}, "method": "GET", "headers": []}
    await asyncio.wait_for(answer(scope, receive, send), timeout=10)
    assert b"event: now" in b"".join(sent)


def stream_response(database: Database, run_id: str) -> Any:
    from starlette.responses import StreamingResponse

    return StreamingResponse(stream.follow(database, run_id, -1, web_url=FORGE, poll_seconds=QUICK_SECONDS))


def test_many_may_look_at_once_and_none_is_left_behind(database: Database) -> None:
    run_id, lease = started(database)
    app = make_app(Settings(github_web_url=FORGE), database, NoWakeup(), {})
    looking = 0
    most = 0
    lock = threading.Lock()

    async def counted(scope: Any, receive: Any, send: Any) -> None:
        nonlocal looking, most
        if not scope.get("path", "").endswith("/live"):
            await app(scope, receive, send)
            return
        with lock:
            looking += 1
            most = max(most, looking)
        try:
            await app(scope, receive, send)
        finally:
            with lock:
                looking -= 1

    from tests.app.observe.scene_runs import link

    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    with serving(counted, listener, stop_seconds=1):
        cookie = httpx.post(f"http://127.0.0.1:{port}/enter", data={"key": link(database)}, trust_env=False).cookies
        session = cookie["bellhop_session"]
        sockets = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(40)]
        for each in sockets:
            each.sendall(f"GET /runs/{run_id}/live HTTP/1.1\r\nHost: x\r\nCookie: bellhop_session={session}\r\n\r\n".encode())
        for each in sockets:
            got = b""
            while b"event: now" not in got:
                got += each.recv(65536)
        assert most == 40
        for each in sockets:
            each.close()
        deadline = time.monotonic() + 10
        while looking:
            assert time.monotonic() < deadline, f"{looking} streams outlive their clients"
            time.sleep(0.01)
    ended(database, lease, NothingToDo(text="x"))


def test_a_server_that_stops_ends_its_streams_by_itself(
    database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    from tests.app.observe.scene_runs import link

    run_id, _ = started(database)
    stopping = threading.Event()
    app = make_app(Settings(github_web_url=FORGE), database, NoWakeup(), {}, stopping)
    listener = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with httpx.Client(base_url=url, trust_env=False, timeout=20) as client:
        with serving(app, listener, stop_seconds=10, before_stop=stopping.set):
            client.post("/enter", data={"key": link(database)})
            answer = client.send(client.build_request("GET", f"/runs/{run_id}/live"), stream=True)
            lines = answer.iter_lines()
            assert next(lines)
            began = time.monotonic()
        assert time.monotonic() - began < 5
        assert "event: done" not in list(lines)
    assert "Cancel" not in capfd.readouterr().err


def test_the_page_that_is_shown_and_the_stream_fit_together(visitor: httpx.Client, database: Database) -> None:
    run_id, lease = started(database)
    say(database, run_id, *log_lines(5))
    html = visitor.get(f"/runs/{run_id}").text
    assert 'data-after="4"' in html
    say(database, run_id, Step(kind="log", text="the sixth"))
    ended(database, lease, NothingToDo(text="x"))
    with visitor.stream("GET", f"/runs/{run_id}/live?after=4") as answer:
        assert [each.data["text"] for each in read(answer.iter_lines()) if each.event == "step"] == ["the sixth"]
