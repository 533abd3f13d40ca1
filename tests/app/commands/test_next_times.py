"""What `bellhop profiles check` says of schedules."""

from __future__ import annotations

from datetime import UTC, datetime

from app.commands.next_times import next_times
from app.core.profile import Profile


def test_the_next_times_are_told_in_the_lines_own_time_zone() -> None:
    on = {"schedule": [{"cron": "30 2 * * *", "timezone": "Europe/Berlin"}]}
    profile = Profile.model_validate({"name": "nightly", "on": on, "agent": {"uses": "mini"}, "repositories": ["octo/hello"], "prompt": "Look."})
    [said] = next_times({"nightly": profile}, datetime(2026, 10, 23, 12, tzinfo=UTC))
    assert said == "nightly: `30 2 * * *` in octo/hello: Sat 2026-10-24 02:30 CEST, Sun 2026-10-25 02:30 CEST, Mon 2026-10-26 02:30 CET"
