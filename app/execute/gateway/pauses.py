"""Leaving a model API alone for as long as it asked to be: one answer for all sandboxes of this host."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

# A vendor that asks for more is believed up to here.
MOST_SECONDS = 600.0
# Agents that are told to come back later than this sit still until they are thought idle: they are told to give up instead.
LONGEST_WAIT_SECONDS = 60.0
# 529: Anthropic is overloaded.
ASKS_FOR_PAUSE = frozenset({429, 503, 529})


class Pause(NamedTuple):
    """What whoever asks meanwhile is answered: the vendor's `status`, and the whole seconds that are left."""

    status: int
    seconds: int


class Pauses:
    """By API and model; `now` is a steady clock in seconds."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], tuple[int, float]] = {}

    def note(self, api: str, model: str, status: int, seconds: float | None, now: float) -> None:
        """Note an answer: a wish to be left alone starts a pause, a success ends it."""
        if status in ASKS_FOR_PAUSE and seconds:
            self._until = {key: value for key, value in self._until.items() if value[1] > now}
            self._until[api, model] = (status, now + min(seconds, MOST_SECONDS))
        elif 200 <= status < 300:
            self._until.pop((api, model), None)

    def left(self, api: str, model: str, now: float) -> Pause | None:
        """Return the pause that lasts at `now`, or None."""
        status, until = self._until.get((api, model), (0, now))
        return Pause(status, math.ceil(until - now)) if until > now else None


def retry_after_seconds(headers: Mapping[str, str], now: datetime | None = None, most_seconds: float = MOST_SECONDS) -> float | None:
    """Return what `Retry-After` (or OpenAI's `retry-after-ms`) asks for, never less than 0, in seconds at most so many; None where it says nothing.

    https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3: seconds, or an HTTP date.
    """
    exact, value = headers.get("retry-after-ms", ""), headers.get("retry-after", "").strip()
    try:
        if exact.isascii() and exact.isdigit():
            return min(int(exact[:12]) / 1000, most_seconds)
        if value.isascii() and value.replace(".", "", 1).isdigit():
            return min(float(value[:12]), most_seconds)
        at = parsedate_to_datetime(value)
        return max(0.0, (at - (now or datetime.now(UTC))).total_seconds())
    except (ValueError, TypeError):
        return None


def wait_headers(seconds: float) -> dict[str, str]:
    """Return the headers that tell a sandbox's client to come back later, or, where that is too long, to give up.

    `x-should-retry` is what the vendors' own clients go by; `x-bellhop-retry-after` is for whoever wants to say how long it would be.
    """
    whole = str(math.ceil(seconds))
    if seconds <= LONGEST_WAIT_SECONDS:
        return {"retry-after": whole}
    return {"x-should-retry": "false", "x-bellhop-retry-after": whole}
