"""When the schedules of profiles come next, for `bellhop profiles check`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from app.core.profile import Profile
from app.core.ringing.schedule import next_ticks, put_off

TIMES_SHOWN = 3


def next_times(profiles: Mapping[str, Profile], now: datetime) -> Iterator[str]:
    """Yield a sentence for each line of a schedule in each repository, in the line's own time zone."""
    for name, profile in sorted(profiles.items()):
        for line in profile.on.schedule:
            for full_name in profile.repositories:
                late = put_off(line, name, full_name)
                zone = ZoneInfo(line.timezone)
                ticks = [(tick + late).astimezone(zone) for tick in next_ticks(line, now - late, TIMES_SHOWN)]
                said = ", ".join(f"{tick:%a %Y-%m-%d %H:%M} {tick.tzname()}" for tick in ticks)
                put = f" (put off by {_minutes(late)})" if late else ""
                yield f"{name}: `{line.cron}` in {full_name}: {said}{put}"


def _minutes(late: timedelta) -> str:
    minutes, seconds = divmod(int(late.total_seconds()), 60)
    return f"{minutes} min {seconds} s"
