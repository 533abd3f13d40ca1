"""Serving one application on one unix socket, with bounds on what an untrusted peer can hold open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.execute.gateway.places import bind_socket
from app.prompt_server import PromptServer

log = structlog.get_logger()

MAX_CONNECTIONS = 256
HEADER_SECONDS = 15.0
_HEADER_BYTES = 32 * 1024
_KEEP_ALIVE_SECONDS = 75
_GRACE_SECONDS = 1


class Listener:
    """An application served on a unix socket from `start` to `stop`."""

    def __init__(self, path: Path, app: ASGIApp, *, mode: int) -> None:
        self._path = path
        self._mode = mode
        self._server = _Server(
            uvicorn.Config(
                app, http=_BoundedH11, ws="none", lifespan="off", interface="asgi3", log_config=None,
                server_header=False, date_header=False, proxy_headers=False, timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=_GRACE_SECONDS, h11_max_incomplete_event_size=_HEADER_BYTES,
            )
        )
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Bind and serve; connections are taken when this returns. Raises ConfigurationError."""
        sock = bind_socket(self._path, mode=self._mode)
        self._task = asyncio.create_task(self._server.serve(sockets=[sock]), name=f"serve {self._path}")

    async def stop(self) -> None:
        """Take no more connections, give those in flight a second, and remove the socket."""
        self._path.unlink(missing_ok=True)
        if self._task is None:
            return
        self._server.end()
        await self._task
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()


class _Server(PromptServer):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Signals belong to the process, not to each of its many sockets.
        yield


class _BoundedH11(H11Protocol):
    """uvicorn waits for a request's head for ever and takes any number of idle connections; this does not."""

    _deadline: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A sandbox can send any number of malformed requests: they are its own trouble and fill no log.
        self.logger = logging.getLogger("bellhop.door")
        self.logger.setLevel(logging.ERROR)
        self.access_log = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
        else:
            self._arm()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._disarm()
        elif self._deadline is None:
            self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def _arm(self) -> None:
        self._deadline = self.loop.call_later(HEADER_SECONDS, self.transport.abort)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
