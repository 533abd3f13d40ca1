"""Copying the bytes of one tunnel, both ways, until both ends have finished or nothing moves any more."""

from __future__ import annotations

import asyncio

import anyio

from app.execute.gateway.egress.streams import READ_AHEAD_BYTES, Streams

IDLE_SECONDS = 600.0
# Whoever has ended his half seldom waits long for the other.
HALF_CLOSED_SECONDS = 30.0


class Tunnel:
    """`up` and `down` count the bytes that went to the outside and came from there."""

    def __init__(self, outside: Streams) -> None:
        self._outside = outside
        self._patience_seconds = IDLE_SECONDS
        self.up = 0
        self.down = 0

    async def run(self, inside: Streams) -> None:
        """Copy between the sandbox and the outside until it is over. Raises nothing that either end can cause."""
        async with anyio.create_task_group() as both:
            self._moved(both.cancel_scope)
            both.start_soon(self._copy, inside, self._outside.writer, True, both.cancel_scope)
            both.start_soon(self._copy, self._outside, inside.writer, False, both.cancel_scope)

    def _moved(self, over: anyio.CancelScope) -> None:
        over.deadline = anyio.current_time() + self._patience_seconds

    async def _copy(self, source: Streams, sink: asyncio.StreamWriter, is_up: bool, over: anyio.CancelScope) -> None:
        try:
            data = source.early or await source.reader.read(READ_AHEAD_BYTES)
            while data:
                sink.write(data)
                # Waits for who is slow to take, so that what is under way is bounded; a standstill counts as one.
                await sink.drain()
                self._moved(over)
                if is_up:
                    self.up += len(data)
                else:
                    self.down += len(data)
                data = await source.reader.read(READ_AHEAD_BYTES)
            if sink.can_write_eof():
                sink.write_eof()
        except OSError:
            over.cancel()
        self._patience_seconds = HALF_CLOSED_SECONDS
        self._moved(over)
