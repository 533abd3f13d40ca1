"""When a profile's schedule is due: cron lines in a time zone, each tick put off by a little for each repository; pure.

Cron lines are those of GitHub Actions: five fields. Around a change of clocks they are read as Debian's cron does: what falls into the
hour that is left out comes at its end, what names an hour that comes twice comes once.
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#onschedule
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import Field, StringConstraints

from app.core.section import Section

SCHEDULE = "schedule"
_FIELDS = 5
# How far to look back for the newest tick of a line that has been due for long: dense lines are found in the first window.
_WINDOWS = (timedelta(days=2), timedelta(days=40), timedelta(days=800))


class CronLine(Section):
    """When it is due: `cron` in the time zone, each tick up to `jitter_minutes` later, by as much as profile and repository say."""

    cron: Annotated[str, StringConstraints(max_length=120)]
    timezone: Annotated[str, StringConstraints(max_length=60)] = "UTC"
    jitter_minutes: Annotated[int, Field(ge=0, le=720)] = 0

    @property
    def says(self) -> str:
        """The line and its time zone, which together name it."""
        return f"{' '.join(self.cron.split())} {self.timezone}"


def faults_of_schedule(lines: Sequence[CronLine]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield each thing that would never be due: the key's way below `schedule`, and what is wrong."""
    for index, line in enumerate(lines):
        if len(line.cron.split()) != _FIELDS:
            yield (index, "cron"), "has five fields: minute, hour, day of the month, month, day of the week"
            continue
        try:
            _zone(line)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield (index, "timezone"), "is no name of a time zone, such as Europe/Berlin"
            continue
        try:
            next(_ticks(line, datetime(2026, 1, 1, tzinfo=UTC)))
        except (CronSimError, StopIteration) as error:
            yield (index, "cron"), f"is never due: {str(error) or 'no such day'}"


def put_off(line: CronLine, profile: str, full_name: str) -> timedelta:
    """Return by how much the ticks of a profile come later in a repository: always by the same."""
    digest = hashlib.sha256(f"{profile}@{full_name.casefold()}".encode()).digest()
    return timedelta(seconds=int.from_bytes(digest[:8]) % (line.jitter_minutes * 60 + 1))


def newest_due(line: CronLine, after: datetime, now: datetime) -> datetime | None:
    """Return the newest tick after `after` and not after `now`, or None; those before it that nobody saw are one with it."""
    for window in (*_WINDOWS, None):
        start = after if window is None else max(after, now - window)
        newest = None
        for tick in _ticks(line, start):
            if tick > now:
                break
            newest = tick
        if newest is not None or start == after:
            return newest
    return None


def next_ticks(line: CronLine, after: datetime, count: int) -> list[datetime]:
    """Return the next ticks after a time, in UTC."""
    return list(islice(_ticks(line, after), count))


def _ticks(line: CronLine, after: datetime) -> Iterator[datetime]:
    """Yield the ticks after a time, in UTC."""
    zone, last = _zone(line), after.astimezone(UTC)
    for tick in CronSim(" ".join(line.cron.split()), last.astimezone(zone)):
        found = tick.astimezone(UTC)
        # An hour that comes twice is one hour to the line: it may say of the second one what was in the first.
        if found > last:
            last = found
            yield found


def _zone(line: CronLine) -> ZoneInfo:
    return ZoneInfo(line.timezone)
