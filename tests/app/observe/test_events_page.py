"""Every event with its why, the queue with its places, and what runs have cost: on the pages, as JSON, and in the terminal."""

from __future__ import annotations

import httpx

from app.core.event import Event, Repo
from app.ledger import exchanges, inbox, pauses, runs, tickets
from app.ledger.database import Database
from app.ledger.exchanges import Exchange
from tests.app.observe.scene_runs import PROFILE, event, started

HOSTILE = "<script>alert(1)</script>\u202e"


def decided(database: Database, of: Event, decision: str, run_id: str | None = None) -> int:
    with database.begin() as tx:
        stored = inbox.store(tx, of)
        assert inbox.settle(tx, stored.id, state="routed" if run_id else "ignored", decision=decision, run_id=run_id)
    return stored.id


def queued(database: Database, number: int) -> str:
    with database.begin() as tx:
        run_id = runs.create(tx, event(number), PROFILE, "host-1")
        assert run_id is not None
        tickets.tell(tx, run_id, f"queued {number}th, about {number} min")
    return run_id


def costly(database: Database, run_id: str, micro_usd: int | None) -> None:
    with database.begin() as tx:
        exchanges.record(tx, Exchange(
            run_id=run_id, sandbox_id="s", api="anthropic", path="/v1/messages", request=b"{}", status=200, content_type="application/json",
            response=b"{}", input_tokens=1, output_tokens=1, model="anthropic/x", cost_micro_usd=micro_usd, started_at_ms=1, duration_ms=1,
        ))


def test_every_event_says_why_and_leads_to_its_run(visitor: httpx.Client, database: Database) -> None:
    run_id, _ = started(database, event(1))
    first = decided(database, event(1), "start: profile fix takes issues.labeled", run_id)
    decided(database, event(2, login="bob"), f"ignore: not_permitted ({HOSTILE} has read)")
    page = visitor.get("/events")
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert f'<a href="/runs/{run_id}">run {run_id}</a>' in page.text
    assert "start: profile fix takes issues.labeled" in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; has read" in page.text
    assert "<script>alert" not in page.text
    assert "\u202e" not in page.text
    assert page.text.index("not_permitted") < page.text.index("start: profile fix")
    [newest, oldest] = visitor.get("/api/events").json()["events"]
    assert (oldest["event"], oldest["run"], oldest["why"]) == (first, run_id, "start: profile fix takes issues.labeled")
    assert (newest["by"], newest["state"], newest["delivery"], newest["repo"]) == ("bob", "ignored", "d-2", "octo/till")


def test_events_are_found_by_repository_and_by_the_profile_that_is_named(visitor: httpx.Client, database: Database) -> None:
    other = event(3).model_copy(update={"repo": Repo(id=8, full_name="octo/other", default_branch="main"), "delivery_key": "o"})
    decided(database, event(1), "start: profile fix takes it")
    decided(database, event(2), "ignore: no_profile (nearest was fix-ci, whose `on.status` says no: x)")
    decided(database, other, "ignore: no_profile (nearest was fix, whose `on.issues.labels` says no: x)")

    def numbers(**asked: str) -> list[str]:
        return [each["delivery"] for each in visitor.get("/api/events", params=asked).json()["events"]]

    assert numbers() == ["o", "d-2", "d-1"]
    assert numbers(repo="Octo/Other") == ["o"]
    assert numbers(profile="fix") == ["o", "d-1"]
    assert numbers(profile="fix-ci") == ["d-2"]
    assert numbers(profile="fix", repo="octo/till") == ["d-1"]
    assert numbers(profile=".*", repo="") == []
    assert numbers(before="2") == ["d-1"]
    assert numbers(before="x" * 500) == ["o", "d-2", "d-1"]
    assert 'value="&#34;&gt;&lt;b&gt;"' in visitor.get("/events", params={"repo": '"><b>'}).text


def test_there_are_pages_of_fifty(visitor: httpx.Client, database: Database) -> None:
    with database.begin() as tx:
        inbox.store_all(tx, [event(number) for number in range(1, 61)])
    first = visitor.get("/events").text
    assert first.count("waits to be decided on") == 50
    assert "/events?before=11&amp;repo=&amp;profile=" in first
    second = visitor.get("/events", params={"before": 11}).text
    assert second.count("waits to be decided on") == 10
    assert "before=" not in second


def test_the_queue_the_places_the_costs_and_a_pause_are_on_the_page_of_runs(visitor: httpx.Client, database: Database) -> None:
    plain = visitor.get("/").text
    assert "Queue" not in plain
    assert "paused" not in plain
    running, _ = started(database, event(1))
    for cost in (150_000, 100_000, None):
        costly(database, running, cost)
    waiting = queued(database, 4)
    with database.begin() as tx:
        pauses.pause(tx, "fix")
    page = visitor.get("/").text
    assert "The profile fix is paused since" in page
    assert "<h2>Queue</h2>" in page
    queue = page[page.index("<h2>Queue</h2>"):page.index("<h2>All</h2>")]
    assert "queued 4th, about 4 min" in queue
    assert (waiting in queue, running in queue) == (True, False)
    assert "$0.25" in page[page.index("<h2>All</h2>"):]
    assert "The profile fix is paused since" in visitor.get("/events").text
