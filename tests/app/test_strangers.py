"""The port that anybody may connect to: idle and slow senders must not keep a webhook out."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app import strangers
from app.serving import listen, serving


async def echo(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def later(_request: Request) -> Response:
    await asyncio.sleep(1)
    return PlainTextResponse("at last")


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(strangers, "MOST_CONNECTIONS", 20)
    listener = listen("127.0.0.1", 0)
    number: int = listener.getsockname()[1]
    with serving(Starlette(routes=[Route("/", echo, methods=["GET", "POST"]), Route("/later", later)]), listener):
        yield number


def closed_within(connection: socket.socket, seconds: float) -> bool:
    connection.settimeout(seconds)
    try:
        return connection.recv(65536) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def test_idle_connections_make_room_for_a_delivery(port: int) -> None:
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
    began = time.monotonic()
    for _ in range(5):
        assert httpx.post(f"http://127.0.0.1:{port}/", content=b"abc", trust_env=False, timeout=5).text == "3"
    assert time.monotonic() - began < 5
    assert closed_within(idle[0], 5), "the one that was waited for the longest is gone"
    assert not closed_within(idle[-1], 0.2)
    for connection in idle:
        connection.close()


@pytest.mark.parametrize("sent", [
    b"", b"POST / HTTP/1.1\r\nHost: x\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT",
], ids=["nothing", "half a head", "half a body", "one and a half requests"])
def test_a_request_that_does_not_come_is_given_up(port: int, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(strangers, "REQUEST_SECONDS", 0.5)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(sent)
        # After an answer it is uvicorn's own limit of 5 s for the next request that ends it.
        deadline = time.monotonic() + 30
        while not closed_within(connection, 30):
            assert time.monotonic() < deadline


def test_a_slow_sender_with_a_trickle_is_given_up_too(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strangers, "REQUEST_SECONDS", 0.5)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        began = time.monotonic()
        try:
            for byte in b"POST / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 1000:
                connection.sendall(bytes([byte]))
                time.sleep(0.02)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert time.monotonic() - began < 5


def test_an_answer_that_lasts_is_not_cut(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting is counted for requests, not for answers."""
    monkeypatch.setattr(strangers, "REQUEST_SECONDS", 0.3)
    with httpx.Client(trust_env=False) as client:
        assert client.get(f"http://127.0.0.1:{port}/later").text == "at last"
        assert client.get(f"http://127.0.0.1:{port}/").text == "0"
