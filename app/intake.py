"""Hop 3: what came through the door is on file before anybody is told that it was taken.

One thread writes. What waits while a commit is under way goes into the next transaction together, so the
cost of a commit is shared by all who wait for it, and nobody is answered before the commit.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.core.event import Event, Ignored, Parsed
from app.core.roster import Roster
from app.errors import LedgerUnavailable
from app.ledger import inbox, repositories, tallies
from app.ledger.database import Database
from app.ledger.inbox import Stored
from app.ports import Wakeup

log = structlog.get_logger()

# GitHub gives up after 10 s, Linear after 5, Slack after 3: say that it failed while somebody still listens.
# https://docs.github.com/en/webhooks/using-webhooks/handling-failed-webhook-deliveries
ANSWER_SECONDS = 8.0
BATCH_LIMIT = 100

# The database, not the row, is at fault: trying the rows one by one would only multiply the wait.
_DATABASE_DOWN = (OperationalError, InterfaceError, PoolTimeout)
TALLY_SECONDS = 1.0


class Receipt(NamedTuple):
    """What became of a delivery; `id` is the inbox row of an event, new or known."""

    result: Literal["accepted", "duplicate", "heard", "ignored", "unknown"]
    reason: str = ""
    id: int | None = None


class _Waiting(NamedTuple):
    event: Event
    answer: asyncio.Future[Stored]
    loop: asyncio.AbstractEventLoop


class Intake:
    """Takes parsed deliveries from any event loop; owns one thread until `close`."""

    def __init__(self, database: Database, wakeup: Wakeup) -> None:
        self._database = database
        self._wakeup = wakeup
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._tally: Counter[tuple[str, str, str]] = Counter()
        self._tally_lock = threading.Lock()
        self._open = True
        self._writer = threading.Thread(target=self._write_forever, name="intake", daemon=True)
        self._writer.start()

    def close(self) -> None:
        """Write what waits and the counts, and stop; what comes after is refused."""
        self._open = False
        self._waiting.put(None)
        self._writer.join(timeout=ANSWER_SECONDS)

    async def accept(self, parsed: Parsed) -> Receipt:
        """Put an event on file, committed, and then wake `route`; count what is none.

        Counts are kept in memory and written within about a second and at `close`; a crash may lose that second.
        Raises LedgerUnavailable when the row was not committed in time. It may still be: a repetition of the
        delivery is then a duplicate, so nothing is lost and nothing is done twice.
        """
        if isinstance(parsed, Roster):
            return await self._hear(parsed)
        if not isinstance(parsed, Event):
            if isinstance(parsed, Ignored):
                self._count(parsed.source, "ignored", f"{parsed.kind}: {parsed.reason}")
                return Receipt("ignored", parsed.reason)
            self._count(parsed.source, "unknown", parsed.kind)
            return Receipt("unknown", parsed.kind)
        if not self._open:
            raise LedgerUnavailable("Bellhop is stopping: send the delivery again")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Stored] = loop.create_future()
        self._waiting.put(_Waiting(parsed, answer, loop))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                stored = await answer
        except TimeoutError as error:
            raise LedgerUnavailable("the database did not take the delivery in time: send it again") from error
        if stored.is_new:
            return Receipt("accepted", id=stored.id)
        self._count(parsed.source, "duplicate", parsed.kind)
        return Receipt("duplicate", id=stored.id)

    async def _hear(self, news: Roster) -> Receipt:
        """Put news of an installation on file, committed. Raises LedgerUnavailable."""

        def write() -> None:
            with self._database.begin() as tx:
                repositories.hear(tx, news)

        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await asyncio.to_thread(write)
        except (TimeoutError, SQLAlchemyError) as error:
            raise _unavailable(error) from error
        self._count(news.source, "heard", news.kind)
        return Receipt("heard")

    def _count(self, source: str, verdict: str, reason: str) -> None:
        with self._tally_lock:
            self._tally[source, verdict, reason] += 1

    def _write_forever(self) -> None:
        tally_due = time.monotonic() + TALLY_SECONDS
        running = True
        while running:
            batch: list[_Waiting] = []
            try:
                item = self._waiting.get(timeout=TALLY_SECONDS)
                while item is not None:
                    batch.append(item)
                    if len(batch) == BATCH_LIMIT:
                        break
                    item = self._waiting.get_nowait()
                else:
                    running = False
            except queue.Empty:
                pass
            if batch:
                self._write(batch)
            if self._tally and (not running or time.monotonic() >= tally_due):
                self._write_tally()
                tally_due = time.monotonic() + TALLY_SECONDS

    def _write(self, batch: Sequence[_Waiting]) -> None:
        try:
            with self._database.begin() as tx:
                stored = inbox.store_all(tx, [waiting.event for waiting in batch])
                answers: list[Stored | Exception] = [*stored]
                # Last, and in one order: several web processes count in the same rows.
                new = Counter((one.event.source, one.event.kind) for one, made in zip(batch, stored, strict=True) if made.is_new)
                for (source, kind), count in sorted(new.items()):
                    tallies.add(tx, "accepted", source, kind, count=count)
        except _DATABASE_DOWN as error:
            answers = [_unavailable(error)] * len(batch)
        except Exception as error:  # whatever is wrong with one row, the writer goes on
            if len(batch) > 1:
                # One bad row must not take its neighbours with it.
                for waiting in batch:
                    self._write([waiting])
                return
            answers = [_unavailable(error)]
        for waiting, answer in zip(batch, answers, strict=True):
            try:
                waiting.loop.call_soon_threadsafe(_tell, waiting.answer, answer)
            except RuntimeError:
                log.info("sender_gone", delivery=waiting.event.delivery_key)
        for answer in answers:
            if isinstance(answer, Stored) and answer.is_new:
                self._wake(answer.id)

    def _wake(self, inbox_id: int) -> None:
        try:
            self._wakeup.route(inbox_id)
        except Exception as error:  # the event is on file, so the sweeper finds it
            log.warning("wakeup_failed", inbox_id=inbox_id, error=type(error).__name__)

    def _write_tally(self) -> None:
        with self._tally_lock:
            tally, self._tally = self._tally, Counter()
        try:
            with self._database.begin() as tx:
                for (source, verdict, reason), count in tally.items():
                    inbox.count_delivery(tx, source, verdict, reason, count)
        except SQLAlchemyError as error:
            log.warning("counts_not_written", error=type(error).__name__)
            with self._tally_lock:
                self._tally.update(tally)


def _unavailable(error: Exception) -> LedgerUnavailable:
    log.error("inbox_not_written", error=str(getattr(error, "orig", error))[:300])
    return LedgerUnavailable("the database did not take the delivery: send it again later")


def _tell(answer: asyncio.Future[Stored], result: Stored | Exception) -> None:
    if answer.done():
        return
    if isinstance(result, Exception):
        answer.set_exception(result)
    else:
        answer.set_result(result)
