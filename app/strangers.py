"""HTTP for a port that anybody may connect to: who sends nothing, or slowly, makes room for who does.

uvicorn waits for ever for a request's head and takes any number of connections, so that a few hundred idle ones use up
the process's files and no webhook gets in.
"""

from __future__ import annotations

import asyncio
import resource
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

# From the first byte to the last of a request, its body included.
REQUEST_SECONDS = 20.0
_FILES_KEPT_FREE = 200
MOST_CONNECTIONS = 2000


class StrangersProtocol(H11Protocol):
    """One connection. When there are too many, the one goes that has been waited for the longest."""

    waiting: dict[StrangersProtocol, asyncio.TimerHandle]
    most_connections: int

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request; make room if there is none."""
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            slowest = next(iter(self.waiting), self)
            slowest.transport.abort()
            slowest._come()
            if slowest is self:
                return
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take what came; from the end of one request to that of the next, time counts."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body:
            self._come()
        elif self not in self.waiting:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._come()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self.waiting[self] = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def _come(self) -> None:
        timer = self.waiting.pop(self, None)
        if timer is not None:
            timer.cancel()


def protocol() -> type[asyncio.Protocol]:
    """Return a protocol of its own for one server, so that two in a process do not make room for each other."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    most = MOST_CONNECTIONS if files == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, max(16, files - _FILES_KEPT_FREE))
    members: dict[str, Any] = {"waiting": {}, "most_connections": most}
    return type("StrangersProtocol", (StrangersProtocol,), members)
