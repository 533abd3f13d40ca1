"""Serving an ASGI app from a thread: started when it accepts, stopped within seconds."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from app.errors import ConfigurationError
from app.prompt_server import PromptServer
from app.strangers import protocol

START_SECONDS = 10.0


def listen(host: str, port: int) -> socket.socket:
    """Return a bound socket; port 0 takes a free one. Raises ConfigurationError when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise ConfigurationError(
            f"cannot listen on {host}:{port} ({why}): stop what listens there, "
            "or set BELLHOP_WEB_HOST and BELLHOP_WEB_PORT"
        ) from error
    # Accepted connections inherit it. asyncio sets it only on sockets that name their protocol, which these do not,
    # and without it an answer sent in two pieces waits 40 ms for the client's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def address(host: str, listener: socket.socket) -> str:
    """Return the URL under which this machine reaches what listens."""
    name = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not listened on
    return f"http://{f'[{name}]' if ':' in name else name}:{listener.getsockname()[1]}"


@contextmanager
def serving(
    app: ASGIApp, listener: socket.socket, *, stop_seconds: int = 2, before_stop: Callable[[], object] = lambda: None,
    on_end: Callable[[], object] = lambda: None,
) -> Iterator[None]:
    """Serve `app` on the socket for the length of the block, from a thread of its own, without signal handlers.

    `before_stop` tells the app to end answers that would last; `on_end` is called when the server ends, also by an
    error of its own. The socket is closed at the end. Raises ConfigurationError.
    """
    config = uvicorn.Config(
        app, http=protocol(), ws="none", log_config=None, access_log=False, server_header=False,
        timeout_graceful_shutdown=stop_seconds,
    )
    server = PromptServer(config)

    def run() -> None:
        try:
            server.run(sockets=[listener])
        except SystemExit:
            # uvicorn's way of saying that the app did not start: who waits for `started` sees it.
            pass
        finally:
            on_end()

    thread = threading.Thread(target=run, name="web", daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + START_SECONDS
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                raise ConfigurationError("the web server did not start; its log says why")
            thread.join(0.005)
        yield
    finally:
        before_stop()
        server.end()
        thread.join(timeout=stop_seconds + 3)
        listener.close()
