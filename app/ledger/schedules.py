"""How far each line of a schedule has come: its newest tick that was made an event of."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, select, update

from app.ledger.database import insert_unless
from app.ledger.tables import schedules


class Line(NamedTuple):
    """One line of a profile's schedule in one repository (in lower case); `line` is the cron line with its time zone."""

    profile: str
    repository: str
    line: str


def ticked_at(tx: Connection, line: Line, now_ms: int) -> int:
    """Return the line's newest tick, in milliseconds since 1970; of a line that was not known, every tick up to `now_ms` is past."""
    known = tx.execute(select(schedules.c.ticked_at_ms).where(_is(line))).scalar_one_or_none()
    if known is not None:
        return int(known)
    tx.execute(insert_unless(tx, schedules).values(**line._asdict(), ticked_at_ms=now_ms).on_conflict_do_nothing())
    return int(tx.execute(select(schedules.c.ticked_at_ms).where(_is(line))).scalar_one())


def tick(tx: Connection, line: Line, before_ms: int, at_ms: int) -> bool:
    """Note a tick; False when another has noted one since `before_ms` was read, and nothing of this one may stand."""
    noted = tx.execute(update(schedules).where(_is(line), schedules.c.ticked_at_ms == before_ms).values(ticked_at_ms=at_ms))
    return noted.rowcount == 1


def _is(line: Line) -> ColumnElement[bool]:
    return and_(*(schedules.c[name] == value for name, value in line._asdict().items()))
