"""`/metrics`: who may read it, and that what happens is counted there."""

from __future__ import annotations

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr, ValidationError

from app.ledger import acknowledged, inbox, pauses, runs, tallies
from app.ledger.database import Database
from app.observe.metrics import MOST_SERIES
from app.settings import Settings
from tests.app.observe.scene_runs import PROFILE, event, started, visitor, web

TOKEN = "0123456789abcdef0123"


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels in order of the alphabet, read by Prometheus's own parser."""
    return {(one.name, *sorted(one.labels.values())): one.value for family in text_string_to_metric_families(text) for one in family.samples}


def scraped(database: Database) -> dict[tuple[str, ...], float]:
    with web(database, metrics_token=SecretStr(TOKEN)) as url:
        answer = httpx.get(f"{url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert answer.headers["cache-control"] == "no-store"
    return samples(answer.text)


def test_t71_metrics_are_for_a_session_or_the_token_only(database: Database) -> None:
    with web(database, metrics_token=SecretStr(TOKEN)) as url:
        for given in ({}, {"Authorization": "Bearer"}, {"Authorization": f"Bearer {TOKEN}x"}, {"Authorization": f"Basic {TOKEN}"}, {"Authorization": TOKEN}):
            answer = httpx.get(f"{url}/metrics", headers=given, trust_env=False)
            assert (answer.status_code, "bellhop_" in answer.text) == (401, False)
            assert "BELLHOP_METRICS_TOKEN" in answer.text
        assert httpx.get(f"{url}/metrics", headers={"Authorization": f"bearer {TOKEN}"}, trust_env=False).status_code == 200
        # The token opens nothing else.
        assert httpx.get(f"{url}/api/runs", headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False).status_code == 401


def test_t71_without_a_token_set_none_opens_them(database: Database) -> None:
    with web(database) as url:
        for given in ("Bearer", "bearer", "Bearer x"):
            assert httpx.get(f"{url}/metrics", headers={"Authorization": given}, trust_env=False).status_code == 401
        with visitor(url, database) as client:
            assert "bellhop_workers_alive" in client.get("/metrics").text


def test_a_short_token_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least 16"):
        Settings(metrics_token=SecretStr("short"))


def test_what_waits_and_runs_and_is_paused_is_told(database: Database) -> None:
    started(database, event(1))
    with database.begin() as tx:
        waiting = event(2)
        assert runs.create(tx, waiting, PROFILE, "host-1") is not None
        inbox.store(tx, waiting)
        inbox.count_delivery(tx, "github", "ignored", "issues.pinned: action_not_used", 3)
        tallies.add(tx, "accepted", "github", "issues.labeled", count=2)
        tallies.add(tx, "outcome", "fix", "failed", "host_lost")
        tallies.add(tx, "cost", "fix", count=2_500_000)
        tallies.add(tx, "decision", "github", "ignore", "no_profile")
        pauses.pause(tx, "fix")
    found = scraped(database)
    assert found["bellhop_runs", "running"] == 1
    assert (found["bellhop_runs", "queued"], found["bellhop_queued_runs", "fix"]) == (1, 1)
    assert found["bellhop_queued_oldest_seconds", "fix"] >= 0
    assert found["bellhop_events_undecided",] == 1
    assert found["bellhop_deliveries_total", "github", "ignored", "issues.pinned: action_not_used"] == 3
    assert found["bellhop_deliveries_total", "accepted", "github", "issues.labeled"] == 2
    assert found["bellhop_outcomes_total", "failed", "fix", "host_lost"] == 1
    assert found["bellhop_cost_usd_total", "fix"] == 2.5
    assert found["bellhop_decisions_total", "github", "ignore", "no_profile"] == 1
    assert found["bellhop_paused", "fix"] == 1


def test_the_time_to_acknowledge_is_a_histogram_of_what_the_inbox_has(database: Database) -> None:
    with database.begin() as tx:
        inbox.store(tx, event(1))
        acknowledged.note(tx, event(1))
        acknowledged.note(tx, event(2))  # never came in by the inbox
        tx.exec_driver_sql("UPDATE inbox SET received_at_ms = received_at_ms - 7000")
        acknowledged.note(tx, event(1))
        tx.exec_driver_sql("UPDATE inbox SET received_at_ms = received_at_ms - 900000")
        acknowledged.note(tx, event(1))
    found = scraped(database)
    buckets = {name[1]: value for name, value in found.items() if name[0] == "bellhop_acknowledged_seconds_bucket"}
    assert (buckets["5.0"], buckets["10.0"], buckets["300.0"], buckets["+Inf"]) == (1, 2, 2, 3)
    assert found["bellhop_acknowledged_seconds_count",] == 3
    assert 914 <= found["bellhop_acknowledged_seconds_sum",] <= 920


def test_however_many_labels_there_are_the_page_is_bounded_and_the_sum_is_right(database: Database) -> None:
    with database.begin() as tx:
        for number in range(MOST_SERIES + 20):
            tallies.add(tx, "outcome", f"p{number:04}", "failed", "x\n\"\\")
    found = {name: value for name, value in scraped(database).items() if name[0] == "bellhop_outcomes_total"}
    assert (len(found), sum(found.values())) == (MOST_SERIES + 1, MOST_SERIES + 20)
    assert found["bellhop_outcomes_total", "other", "other", "other"] == 20
