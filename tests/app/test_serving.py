"""Serving from a thread."""

from __future__ import annotations

import socket
import threading
from typing import Any

import httpx
import pytest

from app.errors import ConfigurationError
from app.serving import address, listen, serving


async def hello(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def broken(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no"})


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost", "::1", "::"])
def test_it_serves_where_it_says(host: str) -> None:
    if ":" in host and not socket.has_ipv6:
        pytest.skip("no IPv6 on this machine")
    try:
        listener = listen(host, 0)
    except ConfigurationError:
        if ":" in host:
            pytest.skip("no IPv6 on this machine")
        raise
    with serving(hello, listener):
        assert httpx.get(address(host, listener), trust_env=False).text == "hello"


def test_the_end_is_told_and_the_port_is_free_again() -> None:
    told: list[str] = []
    for _ in range(2):
        listener = listen("127.0.0.1", 0)
        port = listener.getsockname()[1]
        with serving(hello, listener, before_stop=lambda: told.append("before"), on_end=lambda: told.append("end")):
            assert told[-1:] != ["before"]
        assert listener.fileno() == -1
        listen("127.0.0.1", port).close()
    assert told == ["before", "end"] * 2
    assert not [each for each in threading.enumerate() if each.name == "web"]


def test_an_app_that_does_not_start_is_a_clear_error_and_leaves_nothing() -> None:
    listener = listen("127.0.0.1", 0)
    ended = threading.Event()
    with pytest.raises(ConfigurationError, match="did not start"), serving(broken, listener, on_end=ended.set):
        pass
    assert ended.is_set()
    assert listener.fileno() == -1
    assert not [each for each in threading.enumerate() if each.name == "web"]


@pytest.mark.parametrize(("host", "port"), [("192.0.2.1", 0), ("no such host", 0)])
def test_an_address_that_cannot_be_had_is_named(host: str, port: int) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot listen on .* BELLHOP_WEB_PORT"):
        listen(host, port)
