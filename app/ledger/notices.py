"""Notices: what was said to people whose ring came to nothing. Each is said once, and so many in one repository within an hour."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, func, select, update

from app.core.deciding.notice import Notice
from app.core.event import Event
from app.core.run import comment_marker, new_id
from app.ledger.database import insert_unless, now_ms
from app.ledger.tables import notices

# Strangers must not make a loudspeaker of the bot.
MOST_PER_REPOSITORY_AND_HOUR = 10
_HOUR_MS = 3_600_000


class Due(NamedTuple):
    """One notice to be delivered; `marker` is how its comment is found again."""

    id: str
    event: Event
    text: str
    attempts: int

    @property
    def marker(self) -> str:
        """The hidden marker of its comment."""
        return comment_marker(self.id, "notice")


def put(tx: Connection, event: Event, notice: Notice) -> bool:
    """Have it said in the event's thread; False where it was said there, or as much as may be said in that repository by now."""
    repo = f"{event.source}:{event.repo.id}"
    lately = select(func.count()).select_from(notices).where(
        notices.c.repo == repo, notices.c.said.is_(True), notices.c.at_ms > now_ms() - _HOUR_MS)
    # What is over the bound is put down all the same: it is not said later either.
    said = tx.execute(lately).scalar_one() < MOST_PER_REPOSITORY_AND_HOUR
    made = tx.execute(
        insert_unless(tx, notices)
        .values(
            id=new_id(), thread=event.thread, key=notice.key, repo=repo, event=event.model_dump_json(), text=notice.text, said=said,
            at_ms=now_ms(), is_delivered=not said, attempts=0, next_at_ms=0,
        )
        .on_conflict_do_nothing()
    )
    return said and made.rowcount == 1


def due(tx: Connection, limit: int = 20) -> list[str]:
    """Return the ids of notices that are to be delivered now, oldest first."""
    return list(tx.execute(
        select(notices.c.id).where(notices.c.is_delivered.is_(False), notices.c.next_at_ms <= now_ms()).order_by(notices.c.at_ms).limit(limit)
    ).scalars())


def hold(tx: Connection, notice_id: str, seconds: float) -> Due | None:
    """Take one that is due, and hide it from others meanwhile; None: somebody else has it."""
    taken = tx.execute(
        update(notices)
        .where(notices.c.id == notice_id, notices.c.is_delivered.is_(False), notices.c.next_at_ms <= now_ms())
        .values(attempts=notices.c.attempts + 1, next_at_ms=now_ms() + int(seconds * 1000))
        .returning(notices.c.event, notices.c.text, notices.c.attempts)
    ).one_or_none()
    return None if taken is None else Due(notice_id, Event.model_validate_json(taken[0]), taken[1], taken[2])


def delivered(tx: Connection, notice_id: str) -> None:
    """Note that it was said, or is given up."""
    tx.execute(update(notices).where(notices.c.id == notice_id).values(is_delivered=True))


def again_in(tx: Connection, notice_id: str, seconds: float) -> None:
    """Have it tried again later."""
    tx.execute(update(notices).where(notices.c.id == notice_id).values(next_at_ms=now_ms() + int(seconds * 1000)))


def wait(tx: Connection, notice_id: str, seconds: float) -> None:
    """Have it said later; that it was looked at is no try."""
    later_ms = now_ms() + int(seconds * 1000)
    tx.execute(update(notices).where(notices.c.id == notice_id).values(attempts=notices.c.attempts - 1, next_at_ms=later_ms))
