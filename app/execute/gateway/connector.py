"""Connections that are used again only while nobody has said anything on them."""

from __future__ import annotations

import select
from collections.abc import Sequence
from typing import Any

import aiohttp


class QuietConnector(aiohttp.TCPConnector):
    """Closes a connection that has something to read before the next request is sent: it is at its end, or out of step.

    aiohttp would take such bytes for the answer to the next request, which may be another sandbox's.
    """

    async def _get(self, key: Any, traces: Sequence[Any]) -> Any:
        while (connection := await super()._get(key, list(traces))) is not None and not _is_quiet(connection):
            connection.close()
        return connection


def _is_quiet(connection: Any) -> bool:
    protocol = connection.protocol
    sock = protocol.transport.get_extra_info("socket") if protocol.transport is not None else None
    if protocol.should_close or sock is None:
        return False
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN)
    return not poll.poll(0)
