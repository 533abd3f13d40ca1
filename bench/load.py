"""A load of signed deliveries over kept-alive connections on loopback, and how long each took to be accepted."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
import uuid
from typing import NamedTuple


class Load(NamedTuple):
    """What came of it; `latencies_ms` in the order of the answers."""

    accepted: int
    seconds: float
    latencies_ms: list[float]

    @property
    def per_second(self) -> float:
        """Accepted deliveries per second."""
        return self.accepted / self.seconds


def request(body: bytes, secret: bytes, port: int) -> bytes:
    """Return one whole HTTP/1.1 request with a delivery id of its own."""
    signature = hmac.new(secret, body, hashlib.sha256).hexdigest()
    head = (
        f"POST /hooks/github HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"User-Agent: GitHub-Hookshot/bench\r\nX-GitHub-Event: issues\r\nX-GitHub-Delivery: {uuid.uuid4()}\r\n"
        f"X-Hub-Signature-256: sha256={signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, raw: bytes) -> int:
    writer.write(raw)
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    await reader.readexactly(length)
    return int(head.split(b" ", 2)[1])


async def _send(port: int, requests: list[bytes], connections: int, interval_seconds: float) -> Load:
    """Send everything; with an interval, each request has its time, and waiting for a free connection counts."""
    queue = list(enumerate(requests))[::-1]
    latencies: list[float] = []
    started = time.perf_counter()

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while queue:
            number, raw = queue.pop()
            due = started + number * interval_seconds
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            begun = due if interval_seconds else time.perf_counter()
            status = await _exchange(reader, writer, raw)
            if not 200 <= status < 300:
                raise AssertionError(f"a delivery was answered {status}")
            latencies.append((time.perf_counter() - begun) * 1000)
        writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(connection())
    return Load(len(latencies), time.perf_counter() - started, latencies)


def send(port: int, requests: list[bytes], *, connections: int = 16, per_second: float = 0) -> Load:
    """Send the requests as fast as they are answered, or at a steady rate. Raises AssertionError on a refusal."""
    return asyncio.run(_send(port, requests, connections, 1 / per_second if per_second else 0))


def percentile(values: list[float], share: float) -> float:
    """Return the value below which `share` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
