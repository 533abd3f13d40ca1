"""When a method is answered with 429: never by itself, unless one message a second in a channel is asked for.

https://docs.slack.dev/apis/web-api/rate-limits
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import ceil

from app.emulators.slack.problems import ratelimited

POSTING = ("chat.postMessage", "chat.postEphemeral")


@dataclass
class Throttle:
    """The next `times` calls of a method, in one channel or in all, are refused so."""

    method: str
    retry_after_seconds: int
    times: int
    channel: str | None


class Limits:
    """What is refused, and how long ago a channel was posted in. Guarded by the world's lock."""

    def __init__(self, channel_seconds: float | None = None) -> None:
        self.channel_seconds = channel_seconds
        self.refused = 0
        self._throttles: list[Throttle] = []
        self._posted: dict[str, datetime] = {}

    def throttle(self, method: str, retry_after_seconds: int = 1, *, times: int = 1, channel: str | None = None) -> None:
        """Refuse the next `times` calls of a method, with this many seconds to wait."""
        self._throttles.append(Throttle(method, retry_after_seconds, times, channel))

    def check(self, method: str, channel: str | None, now: datetime) -> None:
        """Count a call. Raises Refusal (429)."""
        for one in self._throttles:
            if one.times and one.method == method and one.channel in (None, channel):
                one.times -= 1
                self.refused += 1
                raise ratelimited(one.retry_after_seconds)
        if self.channel_seconds is None or channel is None or method not in POSTING:
            return
        last = self._posted.get(channel)
        left = 0.0 if last is None else self.channel_seconds - (now - last).total_seconds()
        if left > 0:
            self.refused += 1
            raise ratelimited(max(1, ceil(left)))
        self._posted[channel] = now
