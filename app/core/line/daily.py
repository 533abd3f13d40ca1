"""What may be spent within one day, by profile, repository and person; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from app.core.line.budget import dollars
from app.core.line.ticket import Ticket


class Daily(NamedTuple):
    """Millionths of a dollar for one day (None: any), the same for each repository and each person; `zone` says when a day begins."""

    repository: int | None = None
    person: int | None = None
    profiles: Mapping[str, int] = {}
    zone: str = "UTC"

    @property
    def is_set(self) -> bool:
        """Whether anything is to be held."""
        return bool(self.profiles) or self.repository is not None or self.person is not None


# (`profile`, `repo` or `person`, its id) -> millionths of a dollar.
Spent = Mapping[tuple[str, str], int]


def day_begins_ms(now_ms: int, zone: str) -> int:
    """Return when the present day began there, in milliseconds since 1970."""
    here = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(ZoneInfo(zone))
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return int(midnight.timestamp() * 1000)


def tomorrow(now_ms: int, zone: str) -> str:
    """Return when the next day begins there, for people."""
    here = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(ZoneInfo(zone))
    return f"{here.date() + timedelta(days=1):%Y-%m-%d} 00:00 {zone}"


def without_room(
    waiting: Iterable[Ticket], under_way: Iterable[Ticket], today: Spent, by_run: Mapping[str, int], daily: Daily, until: str
) -> dict[str, str]:
    """Return who of those that wait would pass a day's budget, and why in a few words.

    What a run under way may still spend counts as spent, so that a day's budget is never passed: `today` is what was spent, `by_run` what each of
    those under way has spent in all.
    """
    taken: Counter[tuple[str, str]] = Counter(today)
    for ticket in under_way:
        for key, _, _ in _budgets(ticket, daily):
            taken[key] += max(0, ticket.budget_micro_usd - by_run.get(ticket.run_id, 0))
    held = {}
    for ticket in waiting:
        for key, most, whose in _budgets(ticket, daily):
            if taken[key] + ticket.budget_micro_usd > most:
                held[ticket.run_id] = (
                    f"today's budget {whose} ({dollars(most)}) has no room for the {dollars(ticket.budget_micro_usd)} that it may cost; "
                    f"it begins once there is, at {until} at the latest"
                )
                break
    return held


def never_fits(ticket: Ticket, daily: Daily) -> str:
    """Return why no day has room for the run, in words, or an empty string."""
    for _, most, whose in _budgets(ticket, daily):
        if ticket.budget_micro_usd > most:
            return (
                f"It may cost {dollars(ticket.budget_micro_usd)}, and a day's budget {whose} is {dollars(most)}, so no day has room for it. "
                "Ask with a smaller `budget=`, or have the operator change one of the two. Nothing was started."
            )
    return ""


def _budgets(ticket: Ticket, daily: Daily) -> Iterator[tuple[tuple[str, str], int, str]]:
    if (most := daily.profiles.get(ticket.profile)) is not None:
        yield ("profile", ticket.profile), most, f"of the profile {ticket.profile}"
    if daily.repository is not None:
        yield ("repo", ticket.repo), daily.repository, "of this repository"
    if daily.person is not None and ticket.is_by_person:
        yield ("person", ticket.person), daily.person, "of whoever rang"
