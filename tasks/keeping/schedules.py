"""Making events of the ticks of profiles' schedules: each once, however many beats and workers there are.

The newest tick and its event are one transaction, and the event's delivery key is the profile, the repository and the time. Ticks that
nobody was there to see are one with the newest.
"""

from __future__ import annotations

from datetime import UTC, datetime

import structlog

from app.core.profile import Profile
from app.core.ringing.schedule import CronLine, newest_due, put_off
from app.ledger import inbox, schedules
from app.ledger.database import clock_ms
from app.ledger.schedules import Line
from tasks.parts import Parts
from triggers.schedule.tick import tick_event

log = structlog.get_logger()


def fire_due(parts: Parts, now: datetime | None = None) -> None:
    """Put the newest tick of every line that is due by `now` on file, and have it routed; None is the database's own time."""
    for _, profile in sorted(parts.profiles.items()):
        for full_name in profile.repositories if profile.on.schedule else ():
            for line in profile.on.schedule:
                _fire(parts, profile, full_name, line, now)


def _fire(parts: Parts, profile: Profile, full_name: str, line: CronLine, now: datetime | None) -> None:
    key = Line(profile.name, full_name.casefold(), line.says)
    late = put_off(line, profile.name, full_name)
    with parts.database.begin() as tx:
        now = now or _time(clock_ms(tx))
        ticked_at_ms = schedules.ticked_at(tx, key, _ms(now))
        if ticked_at_ms > _ms(now):
            # The clock was ahead, and has been put right: the line must not be silent until it is there again. What it
            # has ticked is on file and is not done a second time.
            schedules.tick(tx, key, ticked_at_ms, _ms(now))
            return
        tick = newest_due(line, _time(ticked_at_ms), now - late)
        if tick is None or not schedules.tick(tx, key, ticked_at_ms, _ms(tick)):
            return
        stored = inbox.store(tx, tick_event(profile.name, full_name, profile.prompt or "", tick))
    log.info("schedule_ticked", profile=profile.name, repo=full_name, tick=tick.isoformat(), inbox_id=stored.id)
    if stored.is_new:
        parts.wakeup.route(stored.id)


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _ms(time: datetime) -> int:
    return int(time.timestamp() * 1000)
