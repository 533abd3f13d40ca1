"""uvicorn's server, ended at once: a run's door is shut by a worker that waits for it, and each host has many doors."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from socket import socket

import uvicorn

TICK_SECONDS = 1.0
_LOOK_SECONDS = 0.005


class PromptServer(uvicorn.Server):
    """Ends when `end` is called, as soon as nothing is in flight.

    uvicorn's own looks ten times a second whether it is to end, and then sleeps a tenth before it looks whether anything is left:
    https://www.uvicorn.org/server-behavior/#graceful-process-shutdown
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = asyncio.Event()

    def end(self) -> None:
        """Have it end; from any thread, before it has started and after it has ended too."""
        self.should_exit = True
        if self._loop is not None:
            with suppress(RuntimeError):  # its loop is closed: it has ended by itself
                self._loop.call_soon_threadsafe(self._ending.set)

    async def main_loop(self) -> None:
        """Keep the Date header true, until the end."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), TICK_SECONDS)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Take no more connections, give what is in flight `timeout_graceful_shutdown` seconds, then cancel it."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        state, told = self.server_state, set[object]()
        clock = asyncio.get_running_loop().time
        grace = self.config.timeout_graceful_shutdown
        deadline = None if grace is None else clock() + grace
        while True:
            # One that was just being accepted turns up here a moment later.
            for connection in state.connections - told:
                connection.shutdown()
                told.add(connection)
            await asyncio.sleep(_LOOK_SECONDS)
            if not (state.connections or state.tasks) or self.force_exit:
                break
            if deadline is not None and clock() > deadline:
                logging.getLogger("uvicorn.error").error("Cancel %s running task(s), timeout graceful shutdown exceeded", len(state.tasks))
                for task in state.tasks:
                    task.cancel()
                break
        if not self.force_exit:
            await self.lifespan.shutdown()
