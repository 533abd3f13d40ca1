"""The ledger from the event loop's side: each call is one transaction in a thread, and only so many at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio
from anyio import to_thread
from sqlalchemy import Connection

from app.ledger.database import Database

T = TypeVar("T")

_THREADS = 10


class LedgerThreads:
    """`write` and `read` run `act` in one transaction in a thread; more than ten wait their turn."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._limiter = anyio.CapacityLimiter(_THREADS)

    async def write(self, act: Callable[[Connection], T]) -> T:
        """Return what `act` returns, after the commit."""
        return await to_thread.run_sync(self._write, act, limiter=self._limiter)

    async def read(self, act: Callable[[Connection], T]) -> T:
        """Return what `act` returns."""
        return await to_thread.run_sync(self._read, act, limiter=self._limiter)

    def _write(self, act: Callable[[Connection], T]) -> T:
        with self._database.begin() as tx:
            return act(tx)

    def _read(self, act: Callable[[Connection], T]) -> T:
        with self._database.read() as tx:
            return act(tx)
