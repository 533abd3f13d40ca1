"""The Pace of this installation: turns taken in the ledger, so that all threads, processes and hosts together obey the service's limits."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.core.line.throttle import is_stated, retry_after_seconds, scarce
from app.core.line.turns import Act
from app.errors import Paced
from app.ledger import pace
from app.ledger.database import Database
from app.ledger.pace import Standing

log = structlog.get_logger()

# Longer than one request can take; whoever dies over a write keeps the others waiting for so long.
HOLD_SECONDS = 30.0
# How long a thread stands still for its turn at most.
PATIENCE_SECONDS = 2.0
_LOOK_SECONDS = 0.1

# By whom the piece of work under way here is counted that has begun; None outside of one.
_BEGUN: ContextVar[set[str] | None] = ContextVar("begun", default=None)


@contextmanager
def piece_of_work() -> Iterator[None]:
    """Have all tokens of the block count as one beginning: what has begun goes on to its end, however few requests are left."""
    token = _BEGUN.set(set())
    try:
        yield
    finally:
        _BEGUN.reset(token)


class SharedPace:
    """The Pace over a ledger; writes of one whom the service counts by are one after the other, `spacing_seconds` apart."""

    def __init__(self, database: Database, spacing_seconds: float) -> None:
        self._database = database
        self._spacing_seconds = spacing_seconds

    def wait_seconds(self, who: str, act: Act) -> float:
        """Return how long this would have to wait."""
        return self._standing(who).wait_ms(act) / 1000

    @contextmanager
    def turn(self, who: str, act: Act) -> Iterator[_Taken]:
        """Take a turn for one request. Raises Paced."""
        standing = self._standing(who)
        if act == "begin" and who in (_BEGUN.get() or ()):
            act = "read"
        if act not in ("write", "spare"):
            if standing.wait_ms(act) > 0 or (act == "begin" and not self._begun(who, standing)):
                raise _not_yet(who, self._standing(who).wait_ms(act))
            yield _Taken(self._database, who, standing)
            return
        mark = self._take(who, act, standing)
        try:
            yield _Taken(self._database, who, standing)
        finally:
            with _as_far_as_the_ledger_goes(who), self._database.begin() as tx:
                pace.wrote(tx, who, mark, self._spacing_seconds)

    def _take(self, who: str, act: Act, standing: Standing) -> int:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            wait_seconds = standing.wait_ms(act) / 1000
            if wait_seconds == 0:
                with self._database.begin() as tx:
                    mark = pace.take_write(tx, who, act, HOLD_SECONDS)
                if mark is not None:
                    return mark
            if time.monotonic() + wait_seconds > deadline:
                raise _not_yet(who, int(wait_seconds * 1000))
            time.sleep(min(wait_seconds, _LOOK_SECONDS))
            standing = self._standing(who)

    def _begun(self, who: str, standing: Standing) -> bool:
        if standing.gap_until_ms > standing.now_ms:
            with self._database.begin() as tx:
                if not pace.take_begin(tx, who):
                    return False
        if (begun := _BEGUN.get()) is not None:
            begun.add(who)
        return True

    def _standing(self, who: str) -> Standing:
        with self._database.read() as tx:
            return pace.standing(tx, who)


class _Taken:
    """A turn that was taken."""

    def __init__(self, database: Database, who: str, standing: Standing) -> None:
        self._database = database
        self._who = who
        self._standing = standing

    def heard(self, status: int, headers: Mapping[str, str], message: str) -> None:
        """Keep what an answer says of limits, for everybody."""
        now_seconds = time.time()
        seconds = retry_after_seconds(status, headers, message, now_seconds)
        # Who is not known is counted by their address, which is another limit, far lower: a token that has expired, say.
        few = scarce(headers, now_seconds) if status != 401 else None
        if seconds is None and few is None and not self._standing.refusals:
            return
        with _as_far_as_the_ledger_goes(self._who), self._database.begin() as tx:
            if seconds is not None:
                pace.pause(tx, self._who, seconds, is_stated=is_stated(headers))
                log.warning("service_refuses", who=self._who, status=status, wait_seconds=round(seconds))
            elif self._standing.refusals:
                pace.was_answered(tx, self._who)
            if seconds is None and few is not None and few.is_out:
                pace.pause(tx, self._who, few.until_seconds, is_stated=True)
            elif few is not None:
                pace.slow_down(tx, self._who, few.gap_seconds, few.until_seconds)


@contextmanager
def _as_far_as_the_ledger_goes(who: str) -> Iterator[None]:
    """Let an answer reach who has asked: a token that was minted has to be taken back. What is not noted, the next answer says again."""
    try:
        yield
    except SQLAlchemyError as error:
        log.warning("pace_not_noted", who=who, error=type(error).__name__)


def _not_yet(who: str, wait_ms: int) -> Paced:
    # A little later than known now, where others wait for the same.
    seconds = max(1.0, wait_ms / 1000)
    return Paced(f"{who} is not asked for another {seconds:.0f} s: its limits are waited for", retry_after_seconds=seconds)
