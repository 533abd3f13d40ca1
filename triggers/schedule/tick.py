"""The event of one tick of a profile's schedule; pure."""

from __future__ import annotations

from datetime import UTC, datetime

from app.core.event import Actor, Event, Repo
from app.core.ringing.schedule import SCHEDULE


def tick_event(profile: str, full_name: str, prompt: str, tick: datetime) -> Event:
    """Return the event of one tick; its repository is looked up when it is routed, and two of one profile, repository and time are one."""
    at = tick.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    thread = f"{SCHEDULE}:{profile}@{full_name.casefold()}"
    return Event(
        source=SCHEDULE, kind=SCHEDULE, delivery_key=f"{profile}@{full_name.casefold()}@{at}"[-200:], thread=thread,
        actor=Actor(id=SCHEDULE, login=f"{SCHEDULE}-{profile}", kind="bot"), repo=Repo.named(full_name), url="",
        title=prompt.strip().splitlines()[0][:200], text=prompt, occurred_at=at, profile=profile,
    )
