"""`bellhop explain DELIVERY` and `bellhop backtest`: what is on file, looked at once more; nothing is asked or started."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.event import Event
from app.core.outcome import NothingToDo
from app.ledger import exchanges, inbox, pauses, runs, tickets
from app.ledger.database import Database
from app.ledger.exchanges import Exchange
from tests.app.commands.bellhop import Machine, one_line
from tests.app.observe.scene_runs import PROFILE as PROFILE_OF_RUNS
from tests.app.observe.scene_runs import ended, event, ledger, started

PROFILE = """\
on:
  issues: {types: [labeled], labels: [bellhop]}
agent: {uses: command, with: {run: "true"}}
container: {isolation: process}
"""


@pytest.fixture
def told(bare: Machine, tmp_path: Path) -> Iterator[tuple[Machine, Database]]:
    """Profiles, and a ledger with nothing in it."""
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "fix.yaml").write_text(PROFILE)
    with ledger(bare.directory / "state") as database:
        yield bare._replace(environment=bare.environment | {"BELLHOP_PROFILES_DIR": str(tmp_path / "profiles")}), database


def came_in(database: Database, of: Event, decision: str, *, run_id: str | None = None) -> int:
    with database.begin() as tx:
        inbox_id = inbox.store(tx, of).id
        inbox.settle(tx, inbox_id, state="routed" if run_id else "ignored", decision=decision, run_id=run_id)
    return inbox_id


def costly(database: Database, run_id: str, micro_usd: int) -> None:
    with database.begin() as tx:
        exchanges.record(tx, Exchange(
            run_id=run_id, sandbox_id=f"{run_id}-work", api="anthropic", path="/v1/messages", request=b"{}", status=200,
            content_type="application/json", response=b"{}", input_tokens=1, output_tokens=1, model="anthropic/x",
            cost_micro_usd=micro_usd, started_at_ms=1, duration_ms=1,
        ))


def test_a_delivery_says_what_was_decided_then_and_what_would_be_now(told: tuple[Machine, Database]) -> None:
    machine, database = told
    run_id, _ = started(database, event(7))
    number = came_in(database, event(7), "start: profile fix takes issues.labeled; ada has write, needed is write", run_id=run_id)
    for name in ("d-7", str(number)):
        said = machine.run("explain", name)
        assert (said.code, said.err) == (0, "")
        lines = said.out.splitlines()
        assert lines[0] == "Event issues.labeled in github:octo/till#7 by ada (id 11)"
        assert lines[2].startswith("Signature: held, or nothing would be on file; came in at 20")
        assert lines[3] == f"Decided then: start: profile fix takes issues.labeled; ada has write, needed is write, run {run_id}"
        assert f"  run {run_id} is live in this thread, of the profile fix" in lines
        assert "  fix: takes it" in lines
        assert "Decision: ignore already_running (supposing that ada has `write`)" in lines
    assert "Decision: start fix" not in machine.run("explain", "d-7").out


def test_a_delivery_that_would_start_now_says_which_tokens(told: tuple[Machine, Database]) -> None:
    machine, database = told
    came_in(database, event(8), "ignore: no_profile (there is no profile, so nobody takes issues.labeled)")
    lines = machine.run("explain", "d-8").out.splitlines()
    assert "Decided then: ignore: no_profile (there is no profile, so nobody takes issues.labeled)" in lines
    assert "Decision: start fix (supposing that ada has `write`)" in lines
    assert any(line.startswith("  publish: POST https://api.github.com/app/installations/3/access_tokens {") for line in lines)


def test_a_delivery_that_left_nothing_says_where_its_payload_is(told: tuple[Machine, Database]) -> None:
    said = one_line(told[0].run("explain", "0000-1111"))
    assert "only counted" in said
    assert "Advanced" in said


def test_a_backtest_counts_and_estimates_from_the_profiles_own_runs(told: tuple[Machine, Database]) -> None:
    machine, database = told
    for number, cost in ((1, 100_000), (2, 300_000), (3, 200_000)):
        run_id, lease = started(database, event(number))
        costly(database, run_id, cost)
        ended(database, lease, NothingToDo(text="x"))
        came_in(database, event(number), "start: profile fix takes it; ada has write, needed is write", run_id=run_id)
    came_in(database, event(4).model_copy(update={"label": "bug"}), "ignore: no_profile (the only profile, fix, does not take it)")
    came_in(database, event(5), "ignore: no_profile (there is no profile)")
    found = json.loads(machine.run("backtest", "fix", "--json").out)
    assert (found["events"], found["starts"], found["unknown"], found["kept_by"]) == (5, 3, 1, {"on.issues.labels": 1})
    assert found["estimate"]["cost_micro_usd_per_run"] == 200_000
    assert (found["estimate"]["cost_micro_usd"], found["estimate"]["runs"], found["estimate"]["of"]) == (600_000, 3, "past runs of fix")
    assert found["estimate"]["most_micro_usd"] == 40_000_000
    assert [each["verdict"] for each in found["hits"]] == ["unknown", "start", "start", "start"]
    text = machine.run("backtest", "fix", "--since", "2h", "--limit", "1").out
    assert "would have started 3 runs, and 1 more if what nobody asked about then holds" in text
    assert "Cost, estimated: $0.60 to $0.80, at $0.20" in text
    assert "perhaps start" in text
    assert "What it cannot know" in text
    with database.read() as tx:
        assert len(runs.recent(tx)) == 3


def test_a_file_that_is_not_in_use_yet_is_tried_and_its_cost_is_unknown_without_runs(told: tuple[Machine, Database], tmp_path: Path) -> None:
    machine, database = told
    came_in(database, event(5), "ignore: no_profile (x)")
    draft = tmp_path / "draft.yaml"
    draft.write_text(PROFILE.replace("labels: [bellhop]", 'where: [{field: title, matches: "(?i)CENT"}]'))
    said = machine.run("backtest", str(draft))
    assert said.code == 0
    assert said.out.startswith("draft, over 1 event of the last 30d: would have started 0 runs, and 1 more")
    assert "Cost: unknown, there are no past runs to go by; the most that its budget allows is $10.00" in said.out


def test_what_is_asked_wrongly_is_one_line(told: tuple[Machine, Database], tmp_path: Path) -> None:
    machine, _ = told
    assert "there are: fix" in one_line(machine.run("backtest", "fox"))
    assert "such as 30d, 12h or 90m" in one_line(machine.run("backtest", "fix", "--since", "soon"))
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(PROFILE + "nonsense: 1\n")
    assert "wrong.yaml:5:1: nonsense" in one_line(machine.run("backtest", str(wrong)))
    assert "cannot be read" in one_line(machine.run("backtest", str(tmp_path / "gone.yaml")))


def test_a_pause_is_begun_shown_and_ended(told: tuple[Machine, Database]) -> None:
    machine, database = told
    assert "the profile fix is paused: what rings is queued" in machine.run("pause", "fix").out
    assert "was already paused" in machine.run("pause", "fix").out
    assert "there are: fix" in one_line(machine.run("pause", "fox"))
    assert "all of Bellhop is not paused, but the profile fix is paused since 20" in one_line(machine.run("resume"))
    machine.run("pause")
    with database.read() as tx:
        assert list(pauses.paused(tx)) == ["*", "fix"]
    shown = machine.run("doctor").out
    assert "the profile fix is paused since" in shown
    assert "`bellhop resume fix` lets it begin" in shown
    assert "paused" in machine.run("runs").out.splitlines()[0]
    said = machine.run("resume", "fix").out
    assert said.startswith("the profile fix is resumed: what is queued begins within 10 s. Still: all of Bellhop is paused since 20")
    assert "all of Bellhop is resumed" in machine.run("resume").out
    assert machine.run("runs").out == "No run yet.\n"


def test_runs_and_events_are_listed_with_place_cost_and_why(told: tuple[Machine, Database]) -> None:
    machine, database = told
    run_id, _ = started(database, event(1))
    costly(database, run_id, 250_000)
    with database.begin() as tx:
        waiting = runs.create(tx, event(2), PROFILE_OF_RUNS, "host-1")
        assert waiting is not None
        tickets.tell(tx, waiting, "queued 1st, about 9 min")
    came_in(database, event(1), "start: profile fix takes it", run_id=run_id)
    came_in(database, event(3), "ignore: no_profile (nearest was fix, whose `on.issues.labels` says no)")
    said = machine.run("runs").out
    assert "$0.25" in said
    assert "queued 1st, about 9 min" in said
    listed = {each["id"]: (each["place"], each["cost_micro_usd"]) for each in json.loads(machine.run("runs", "--json").out)}
    assert listed == {run_id: (None, 250_000), waiting: ("queued 1st, about 9 min", 0)}
    assert "whose `on.issues.labels` says no" in machine.run("events").out
    [only] = json.loads(machine.run("events", "--profile", "fix", "--limit", "1", "--json").out)
    assert (only["delivery"], only["run"]) == ("d-3", None)
    assert machine.run("events", "--repo", "octo/none").out == "No such event.\n"


def test_a_tick_has_no_signature_and_nothing_says_that_it_had(told: tuple[Machine, Database]) -> None:
    machine, database = told
    at = event(9)
    actor = at.actor.model_copy(update={"id": "schedule", "login": "schedule-fix"})
    came_in(database, at.model_copy(update={"source": "schedule", "url": "", "actor": actor}), "ignore: no_profile")
    lines = machine.run("explain", "d-9").out.splitlines()
    assert lines[1].startswith("Signature: none, the clock is this host's own; came in at 20")
