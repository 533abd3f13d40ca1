"""The web server under an emulator: a listener, uvicorn's settings, and a thread of its own for tests."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.errors import ConfigurationError, ServiceError
from app.prompt_server import PromptServer

START_TIMEOUT_SECONDS = 10.0


class DroppableProtocol(H11Protocol):
    """uvicorn's protocol, with the connection's transport in the request's state, so that a fault can drop it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember the transport of this one connection."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one. Raises ConfigurationError for a port that is taken."""
    try:
        listener = socket.create_server((host, port), backlog=256)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise ConfigurationError(f"cannot listen on {host}:{port} ({why}): give another --port") from error
    listener.set_inheritable(False)
    return listener


def uvicorn_config(app: ASGIApp, *, websockets: bool = False) -> uvicorn.Config:
    """Return how uvicorn serves an emulator: quietly, and with WebSockets where it needs them."""
    return uvicorn.Config(
        app, http=DroppableProtocol, ws="wsproto" if websockets else "none", lifespan="off", log_config=None, access_log=False,
        server_header=False, timeout_graceful_shutdown=2,
    )


@contextmanager
def serving(app: ASGIApp, listener: socket.socket, name: str, *, websockets: bool = False) -> Iterator[None]:
    """Serve in a thread while the context lasts, then close the listener. Raises ServiceError when the server does not come up."""
    server = PromptServer(uvicorn_config(app, websockets=websockets))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name=f"{name}-emulator", daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                raise ServiceError(f"The {name} emulator did not start; its own log says why", reason="emulator")
            thread.join(0.005)
        yield
    finally:
        server.end()
        thread.join(START_TIMEOUT_SECONDS)
        listener.close()
