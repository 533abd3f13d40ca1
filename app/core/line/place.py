"""Where a run stands in the line, and about when its turn comes, in words for whoever waits; pure."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from app.core.line.ticket import Ticket
from app.core.line.waiting_line import Line

_MINUTE_MS = 60_000


class Place(NamedTuple):
    """`position` counts from 1, without those who begin now; `wait_ms` is about how long (None: nobody can tell); `held` why a free place would not do (empty: it would)."""

    position: int
    wait_ms: int | None
    held: str = ""

    @property
    def words(self) -> str:
        """How it stands, such as `queued 4th, about 9 min`."""
        said = f"queued {ordinal(self.position)}"
        if self.held:
            return f"{said}; {self.held}"
        return said if self.wait_ms is None else f"{said}, about {minutes(self.wait_ms)}"


def place_in(
    line: Line, run_id: str, under_way: Sequence[Ticket], *, host: str, places: int, durations_ms: Mapping[str, int], now_ms: int
) -> Place | None:
    """Return a run's place; None: it may begin now, or is not in the line.

    `durations_ms` is how long runs of a profile have taken; without that of a run which comes before, nobody can tell how long it is.
    """
    everybody = [*line.now, *line.later]
    at = next((index for index, each in enumerate(everybody) if each.run_id == run_id), None)
    if at is None or at < len(line.now):
        return None
    held = line.held.get(run_id, "")
    here = [each for each in under_way if each.host == host]
    ahead = everybody[:at]
    wait_ms = None if held else _wait_ms(ahead, here, places, durations_ms, now_ms)
    return Place(at - len(line.now) + 1, wait_ms, held)


def _wait_ms(
    ahead: Sequence[Ticket], here: Sequence[Ticket], places: int, durations_ms: Mapping[str, int], now_ms: int
) -> int | None:
    """Return when the next place is free once all `ahead` have had theirs, in milliseconds from now."""
    if any(each.profile not in durations_ms for each in (*ahead, *here)):
        return None
    # One that takes longer than usual ends some time soon, nobody knows when.
    free_at = [max(_MINUTE_MS, durations_ms[each.profile] - (now_ms - (now_ms if each.began_ms is None else each.began_ms))) for each in here]
    free_at += [0] * max(0, places - len(free_at))
    heapq.heapify(free_at)
    for each in ahead:
        heapq.heappush(free_at, heapq.heappop(free_at) + durations_ms[each.profile])
    return heapq.heappop(free_at) if free_at else None


def minutes(wait_ms: int) -> str:
    """Return a wait in round words, so that they change seldom: `9 min`, `25 min`, `1 h 15 min`."""
    count = max(1, -(-wait_ms // _MINUTE_MS))
    if count > 10:
        step = 5 if count <= 60 else 15
        count = -(-count // step) * step
    if count < 60:
        return f"{count} min"
    return f"{count // 60} h" + (f" {count % 60} min" if count % 60 else "")


def ordinal(number: int) -> str:
    """Return `1st`, `2nd`, `3rd`, `4th`, `11th`."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
