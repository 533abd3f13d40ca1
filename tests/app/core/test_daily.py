"""Budgets of a day: when one begins, what counts as spent, who waits, and what no day has room for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.line.daily import Daily, day_begins_ms, never_fits, tomorrow, without_room
from app.core.line.ticket import Ticket
from app.core.line.waiting_line import Caps, line_up

DOLLAR = 1_000_000


def ticket(run_id: str, usd: float = 10, **members: Any) -> Ticket:
    return Ticket(run_id, 1, **({"owner": "octo", "repo": "1", "person": "ada", "profile": "fix", "host": "here"} | members), budget_micro_usd=int(usd * DOLLAR))


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(("now", "zone", "begins"), [
    ("2026-11-22T23:59:59", "UTC", "2026-11-22T00:00"), ("2026-11-22T23:30:00", "Europe/Berlin", "2026-11-22T23:00"),
    # The day on which the clocks go back has 25 hours.
    ("2026-10-25T22:30:00", "Europe/Berlin", "2026-10-24T22:00"), ("2026-11-22T04:00:00", "America/New_York", "2026-11-21T05:00"),
])
def test_when_a_day_begins(now: str, zone: str, begins: str) -> None:
    assert day_begins_ms(ms(now), zone) == ms(begins)


def test_tomorrow_in_words() -> None:
    assert tomorrow(ms("2026-11-30T23:30:00"), "UTC") == "2026-12-01 00:00 UTC"


@pytest.mark.parametrize(("daily", "key"), [
    (Daily(profiles={"fix": 20 * DOLLAR}), ("profile", "fix")), (Daily(repository=20 * DOLLAR), ("repo", "1")),
    (Daily(person=20 * DOLLAR), ("person", "ada")),
])
def test_t18_what_runs_may_still_spend_counts_as_spent(daily: Daily, key: tuple[str, str]) -> None:
    waits = ticket("w", 10)
    assert without_room([waits], [], {key: 10 * DOLLAR}, {}, daily, "tomorrow") == {}
    held = without_room([waits], [], {key: 11 * DOLLAR}, {}, daily, "tomorrow")
    assert "today's budget of" in held["w"]
    assert "($20.00) has no room for the $10.00 that it may cost; it begins once there is, at tomorrow at the latest" in held["w"]
    # One that runs has spent 4 of its 10, and may spend the other 6.
    assert without_room([waits], [ticket("r", 10)], {key: 5 * DOLLAR}, {"r": 4 * DOLLAR}, daily, "") != {}
    assert without_room([waits], [ticket("r", 10)], {key: 4 * DOLLAR}, {"r": 4 * DOLLAR}, daily, "") == {}
    # Another's budget is another's.
    other = ticket("o", 10, repo="2", person="bob", profile="ci")
    assert without_room([other], [], {key: 20 * DOLLAR}, {}, daily, "") == {}


def test_what_no_day_has_room_for_is_said_and_does_not_wait() -> None:
    assert "no day has room" in never_fits(ticket("w", 30), Daily(person=20 * DOLLAR))
    assert never_fits(ticket("w", 20), Daily(person=20 * DOLLAR, repository=50 * DOLLAR)) == ""
    assert never_fits(ticket("w", 30, is_by_person=False), Daily(person=20 * DOLLAR)) == ""


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), max_size=10), st.integers(9, 30))
def test_a_days_budget_is_never_passed(runs: list[tuple[int, int]], most: int) -> None:
    """Runs begin one after another as the line lets them, each spends up to its budget: the day's is not passed."""
    daily = Daily(profiles={"fix": most * DOLLAR})
    waiting = [ticket(f"r{n}", usd) for n, (usd, _) in enumerate(runs)]
    going: list[Ticket] = []
    spent: dict[str, int] = {}
    for _ in range(2 * len(runs)):
        today = {("profile", "fix"): sum(spent.values())}
        held = without_room(waiting, going, today, spent, daily, "")
        now = line_up(waiting, going, Caps(host=3), "here", held).now
        if now:
            going.append(now[0])
            waiting.remove(now[0])
        elif going:
            over = going.pop(0)
            spent[over.run_id] = min(over.budget_micro_usd, runs[int(over.run_id[1:])][1] * DOLLAR)
        assert sum(spent.values()) + sum(each.budget_micro_usd for each in going) <= most * DOLLAR
