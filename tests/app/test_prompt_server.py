"""A server that ends when told, not at its next look."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn

from app import prompt_server
from app.prompt_server import PromptServer
from app.serving import address, listen

WAIT_SECONDS = 30


class Slow:
    """Answers one half, and the other once it is let go."""

    def __init__(self) -> None:
        self.asked, self.cut = threading.Event(), threading.Event()
        self.go_on: asyncio.Event | None = None
        self.loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.loop, self.go_on = asyncio.get_running_loop(), asyncio.Event()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one ", "more_body": True})
        self.asked.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cut.set()
            raise
        await send({"type": "http.response.body", "body": b"half"})

    def let_go(self) -> None:
        assert self.loop is not None
        assert self.go_on is not None
        self.loop.call_soon_threadsafe(self.go_on.set)


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


@contextmanager
def served(app: Any, grace_seconds: int = WAIT_SECONDS) -> Iterator[tuple[PromptServer, threading.Thread, str]]:
    listener = listen("127.0.0.1", 0)
    url = address("127.0.0.1", listener)
    server = PromptServer(uvicorn.Config(app, ws="none", lifespan="off", log_config=None, timeout_graceful_shutdown=grace_seconds))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield server, thread, url
    finally:
        server.end()
        thread.join(WAIT_SECONDS)
        listener.close()
        assert not thread.is_alive()


@pytest.fixture
def looks_once_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_server, "TICK_SECONDS", 3600.0)


@pytest.mark.usefixtures("looks_once_an_hour")
def test_it_ends_when_told_and_not_at_its_next_look_whoever_is_still_connected() -> None:
    with served(hello) as (server, thread, url), httpx.Client(trust_env=False) as idle:
        answer = idle.get(url)
        assert (answer.text, "date" in answer.headers) == ("hello", True)
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as silent:
            server.end()
            thread.join(WAIT_SECONDS)
            assert not thread.is_alive()
            assert silent.recv(1) == b""
        with pytest.raises(httpx.ConnectError):
            httpx.get(url, trust_env=False)
        server.end()


@pytest.mark.usefixtures("looks_once_an_hour")
def test_it_may_be_told_before_it_has_started() -> None:
    server = PromptServer(uvicorn.Config(hello, ws="none", lifespan="off", log_config=None))
    server.end()
    with listen("127.0.0.1", 0) as listener:
        server.run(sockets=[listener])


def test_what_is_in_flight_comes_whole() -> None:
    slow = Slow()
    with served(slow) as (server, thread, url), httpx.Client(trust_env=False, timeout=WAIT_SECONDS) as client, client.stream("GET", url) as answer:
        assert slow.asked.wait(WAIT_SECONDS)
        server.end()
        slow.let_go()
        assert answer.read() == b"one half"
        thread.join(WAIT_SECONDS)
        assert not thread.is_alive()


def test_what_lasts_is_cut_off_after_the_grace(caplog: pytest.LogCaptureFixture) -> None:
    slow = Slow()
    with served(slow, grace_seconds=1) as (server, _, url), httpx.Client(trust_env=False, timeout=WAIT_SECONDS) as client, client.stream("GET", url) as answer:
        assert slow.asked.wait(WAIT_SECONDS)
        server.end()
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()
    assert slow.cut.is_set()
    assert "timeout graceful shutdown exceeded" in caplog.text
