"""How fast each service is asked: one row for each whom it counts us by, whichever thread, process or host asks."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, case, select, update

from app.core.line.throttle import LIMIT_SECONDS, UNSTATED_SECONDS
from app.core.line.turns import Act
from app.ledger.database import insert_unless, now_ms
from app.ledger.tables import pace

# A spare write comes when the others have left the way free for so long.
YIELDS_MS = 250
# What clocks and their rounding may take away from a second.
_MARGIN_MS = 10
# A write under way ends about then, if nobody knows when.
_GUESS_MS = 500


class Standing(NamedTuple):
    """How it stands, by the database's clock `now_ms`."""

    now_ms: int
    paused_until_ms: int
    refusals: int
    next_write_at_ms: int
    held_until_ms: int
    next_begin_at_ms: int
    gap_ms: int
    gap_until_ms: int

    def wait_ms(self, act: Act) -> int:
        """Return how long this has to wait; 0: not at all."""
        waits = [self.paused_until_ms - self.now_ms]
        if act in ("write", "spare"):
            yields_ms = YIELDS_MS if act == "spare" and self.next_write_at_ms else 0
            waits.append(self.next_write_at_ms + yields_ms - self.now_ms)
            waits.append(min(_GUESS_MS, self.held_until_ms - self.now_ms))
        if act in ("begin", "spare") and self.gap_until_ms > self.now_ms:
            # What nobody misses waits until there are new requests.
            waits.append(self.gap_until_ms - self.now_ms if act == "spare" else self.next_begin_at_ms - self.now_ms)
        return max(0, *waits)


_NEW = dict.fromkeys((name for name in Standing._fields if name != "now_ms"), 0)


def standing(tx: Connection, who: str) -> Standing:
    """Return how it stands."""
    columns = [pace.c[name] for name in _NEW]
    row = tx.execute(select(now_ms(), *columns).where(pace.c.who == who)).one_or_none()
    return Standing(0, **_NEW) if row is None else Standing(*row)


def take_write(tx: Connection, who: str, act: Act, hold_seconds: float) -> int | None:
    """Have the way to oneself for a write, for so long at most; return the mark of that, or None: it is not free."""
    _make(tx, who)
    free_at_ms = now_ms() - (YIELDS_MS if act == "spare" else 0)
    return tx.execute(
        update(pace)
        .where(pace.c.who == who, pace.c.paused_until_ms <= now_ms(), pace.c.held_until_ms <= now_ms(), pace.c.next_write_at_ms <= free_at_ms)
        .values(held_until_ms=now_ms() + int(hold_seconds * 1000)).returning(pace.c.held_until_ms)
    ).scalar_one_or_none()


def wrote(tx: Connection, who: str, mark: int, spacing_seconds: float) -> None:
    """Leave the way to others, from so long after now."""
    next_at_ms = now_ms() + int(spacing_seconds * 1000) + _MARGIN_MS if spacing_seconds else 0
    tx.execute(update(pace).where(pace.c.who == who, pace.c.held_until_ms == mark).values(held_until_ms=0, next_write_at_ms=next_at_ms))


def take_begin(tx: Connection, who: str) -> bool:
    """Begin a piece of work while few requests are left; False: it is not time yet."""
    begun = tx.execute(
        update(pace).where(pace.c.who == who, pace.c.paused_until_ms <= now_ms(), pace.c.next_begin_at_ms <= now_ms())
        .values(next_begin_at_ms=now_ms() + pace.c.gap_ms)
    )
    return begun.rowcount == 1


def pause(tx: Connection, who: str, seconds: float, *, is_stated: bool) -> None:
    """Have everything wait: as long as was said, or a minute, doubling up to an hour each time that nothing was said in a row.

    What is refused while it is paused was asked before, and is no further time.
    """
    _make(tx, who)
    known = standing(tx, who)
    is_further = not is_stated and known.paused_until_ms <= known.now_ms
    before = known.refusals if is_further else max(0, known.refusals - 1)
    if not is_stated:
        seconds = min(LIMIT_SECONDS, UNSTATED_SECONDS * 2 ** min(before, 10))
    until_ms = now_ms() + int(seconds * 1000)
    tx.execute(
        update(pace).where(pace.c.who == who)
        .values(
            paused_until_ms=case((pace.c.paused_until_ms > until_ms, pace.c.paused_until_ms), else_=until_ms),
            refusals=known.refusals + (1 if is_further else 0),
        )
    )


def was_answered(tx: Connection, who: str) -> None:
    """Forget how often it refused without saying for how long."""
    tx.execute(update(pace).where(pace.c.who == who).values(refusals=0))


def slow_down(tx: Connection, who: str, gap_seconds: float, until_seconds: float) -> None:
    """Have pieces of work begin so far apart, for so long."""
    _make(tx, who)
    tx.execute(
        update(pace).where(pace.c.who == who)
        .values(gap_ms=int(gap_seconds * 1000), gap_until_ms=now_ms() + int(until_seconds * 1000))
    )


def _make(tx: Connection, who: str) -> None:
    tx.execute(insert_unless(tx, pace).values(who=who, **_NEW).on_conflict_do_nothing())
