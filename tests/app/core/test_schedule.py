"""When the lines of a schedule are due: time zones, changes of clocks, missed ticks, and by how much each is put off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.core.profile import Profile, faults
from app.core.ringing.schedule import CronLine, newest_due, next_ticks, put_off


def line(cron: str, timezone: str = "UTC", jitter_minutes: int = 0) -> CronLine:
    return CronLine(cron=cron, timezone=timezone, jitter_minutes=jitter_minutes)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_a_line_is_read_in_its_time_zone() -> None:
    found = next_ticks(line("17 3 * * 1-5", "Europe/Berlin"), at("2026-11-20T12:00:00+00:00"), 2)
    assert found == [at("2026-11-23T03:17:00+01:00"), at("2026-11-24T03:17:00+01:00")]
    assert next_ticks(line("0 12 * * *", "Asia/Kolkata"), at("2026-07-01T00:00:00+00:00"), 1) == [at("2026-07-01T06:30:00+00:00")]


def test_what_falls_into_the_hour_that_is_left_out_comes_at_its_end() -> None:
    # In Berlin 02:00 became 03:00 on 29 March 2026.
    found = next_ticks(line("30 2 * * *", "Europe/Berlin"), at("2026-03-28T12:00:00+01:00"), 2)
    assert found == [at("2026-03-29T03:00:00+02:00"), at("2026-03-30T02:30:00+02:00")]


def test_what_names_an_hour_that_comes_twice_comes_once() -> None:
    # In Berlin 03:00 became 02:00 again on 25 October 2026.
    daily = line("30 2 * * *", "Europe/Berlin")
    found = next_ticks(daily, at("2026-10-24T12:00:00+02:00"), 2)
    assert found == [at("2026-10-25T02:30:00+02:00"), at("2026-10-26T02:30:00+01:00")]
    # Whoever looks within the second of the two hours finds it, and once.
    looked = at("2026-10-25T02:10:00+01:00")
    assert newest_due(daily, at("2026-10-24T02:30:00+02:00"), looked) == found[0]
    assert newest_due(daily, found[0], at("2026-10-25T02:45:00+01:00")) is None
    every = next_ticks(line("*/30 * * * *", "Europe/Berlin"), at("2026-10-25T01:45:00+02:00"), 5)
    assert [tick - every[0] for tick in every] == [timedelta(minutes=30 * count) for count in range(5)]


@pytest.mark.parametrize(("cron", "newest"), [
    ("0 3 * * *", "2026-11-22T03:00:00+00:00"), ("* * * * *", "2026-11-22T12:00:00+00:00"), ("0 0 1 1 *", "2026-01-01T00:00:00+00:00"),
    ("0 0 29 2 *", "2024-02-29T00:00:00+00:00"), ("0 6 * * 1", "2026-11-16T06:00:00+00:00"),
])
def test_of_ticks_that_nobody_saw_the_newest_is_left(cron: str, newest: str) -> None:
    now = at("2026-11-22T12:00:00+00:00")
    assert newest_due(line(cron), at("2021-01-01T00:00:00+00:00"), now) == at(newest)
    assert newest_due(line(cron), at(newest), now) is None


def test_a_tick_is_due_at_its_minute_and_not_before() -> None:
    daily, last = line("0 3 * * *"), at("2026-11-21T03:00:00+00:00")
    assert newest_due(daily, last, at("2026-11-22T02:59:59.999+00:00")) is None
    assert newest_due(daily, last, at("2026-11-22T03:00:00+00:00")) == at("2026-11-22T03:00:00+00:00")


def test_each_repository_is_put_off_by_its_own_part_and_always_by_the_same() -> None:
    late = line("0 3 * * *", jitter_minutes=30)
    parts = [put_off(late, "nightly", f"octo/{number}") for number in range(50)]
    assert all(timedelta(0) <= part <= timedelta(minutes=30) for part in parts)
    assert len(set(parts)) > 40
    assert parts == [put_off(late, "nightly", f"Octo/{number}") for number in range(50)]
    assert put_off(line("0 3 * * *"), "nightly", "octo/1") == timedelta(0)


@pytest.mark.parametrize(("of", "key"), [
    ({"cron": "0 3 * *"}, "cron"), ({"cron": "61 3 * * *"}, "cron"), ({"cron": "0 0 30 2 *"}, "cron"), ({"cron": "@daily"}, "cron"),
    ({"cron": "0 3 * * *", "timezone": "Mars/Base"}, "timezone"), ({"cron": "0 3 * * *", "timezone": "../etc"}, "timezone"),
])
def test_what_is_never_due_is_a_fault(of: dict[str, str], key: str) -> None:
    profile = Profile.model_validate({
        "name": "a", "on": {"schedule": [of]}, "agent": {"uses": "mini"}, "repositories": ["octo/hello"], "prompt": "Look.",
        "container": {"isolation": "process"},
    })
    assert [way for way, _ in faults(profile)] == [("on", "schedule", 0, key)]


@pytest.mark.parametrize(("more", "way"), [
    ({"repositories": ["octo/hello"]}, ("prompt",)), ({"prompt": "Look."}, ("repositories",)),
    ({"prompt": "Look.", "repositories": ["octo/*"]}, ("repositories",)),
])
def test_a_schedule_needs_words_and_repositories_in_full(more: dict[str, object], way: tuple[str, ...]) -> None:
    on = {"schedule": [{"cron": "0 3 * * *"}]}
    profile = Profile.model_validate({"name": "a", "on": on, "agent": {"uses": "mini"}, "container": {"isolation": "process"}, **more})
    assert [found for found, _ in faults(profile)] == [way]
