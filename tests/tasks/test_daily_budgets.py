"""A day's budget: who would pass it waits for tomorrow and is told so; what no day has room for is refused in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.core.outcome import Refused
from app.ledger import exchanges
from app.ledger.database import clock_ms
from app.ledger.exchanges import Exchange
from tasks.route import route
from tasks.start import start
from tasks.sweep import sweep
from tests.tasks.scene import Scene, profile

DOLLAR = 1_000_000


def spend(scene: Scene, run_id: str, usd: float) -> None:
    """Have a run's models cost so much, just now."""
    with scene.database.begin() as tx:
        exchanges.record(tx, Exchange(
            run_id, f"{run_id}-work", "anthropic", "/v1/messages", b"", 200, "application/json", b"", 1, 1, clock_ms(tx), 1,
            model="anthropic/x", cost_micro_usd=int(usd * DOLLAR),
        ))


@pytest.fixture
def thrifty(scene: Scene) -> Scene:
    scene.profiles["fix"] = profile(budget={"usd": 2, "daily-usd": 5})
    scene.github.person("alice").open_issue("octo/hello", "another")
    return scene


def asked(scene: Scene, number: int) -> str:
    inbox_id = scene.ring(number=number)
    route(scene.parts, inbox_id)
    run_id = scene.entry(inbox_id).run_id
    assert run_id is not None, scene.entry(inbox_id)
    start(scene.parts, run_id)
    return run_id


def test_t18_a_run_that_would_pass_the_days_budget_waits_for_tomorrow_and_is_told_so(thrifty: Scene) -> None:
    scene = thrifty
    first = scene.started()
    spend(scene, first, 2)
    scene.work(first)
    scene.pump()
    spend(scene, first, 1.5)
    second = asked(scene, 2)
    assert scene.run(second).state == "queued"
    [comment] = scene.comments(2)
    assert "today's budget of the profile fix ($5.00) has no room for the $2.00 that it may cost" in comment.body
    assert "00:00 UTC at the latest" in comment.body
    sweep(scene.parts)
    scene.pump()
    assert scene.run(second).state == "queued"
    # The next day what was spent is yesterday's.
    scene.sql("UPDATE exchanges SET started_at_ms = started_at_ms - 86400000")
    sweep(scene.parts)
    scene.pump()
    assert scene.run(second).state == "running"


@pytest.mark.parametrize(("setting", "whose"), [("daily_usd_per_repository", "of this repository"), ("daily_usd_per_person", "of whoever rang")])
def test_t18_what_no_day_has_room_for_is_refused_in_words(scene: Scene, setting: str, whose: str) -> None:
    scene.parts = replace(scene.parts, settings=scene.settings.model_copy(update={setting: 9.5}))
    outcome = scene.outcome(asked(scene, 1))
    assert isinstance(outcome, Refused)
    assert outcome.reason == "daily_budget"
    assert f"It may cost $10.00, and a day's budget {whose} is $9.50" in outcome.text
    # A smaller budget is always to be had.
    entry = scene.comment("@bellhop budget=2 do it")
    assert entry.run_id is not None
    start(scene.parts, entry.run_id)
    assert scene.run(entry.run_id).state == "running"
