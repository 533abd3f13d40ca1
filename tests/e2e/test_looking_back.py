"""One whole road that is looked at from all sides: narrowed by files, paused, explained, counted, tried on the past."""

from __future__ import annotations

import io

import httpx
import pytest
from pydantic import SecretStr
from rich.console import Console

from app.commands.backtest import backtest_profile
from app.commands.explain_delivery import explain_delivery
from app.commands.pause import pause_profile, resume_profile
from tests.e2e.conftest import Embed
from tests.e2e.embedded import sealed
from tests.e2e.harness import REPO, until

# Each waits for a run in a sandbox.
pytestmark = [pytest.mark.bubblewrap, pytest.mark.slow]

TOKEN = "0123456789abcdef0123"
ON = """\
on:
  pull_request:
    types: [opened]
    branches-ignore: [release/**]
    paths: ["docs/**"]
    authors: [ada]
    where:
      - field: title
        matches: "(?i)^docs"
"""


def test_a_pull_request_that_passes_every_filter_waits_out_a_pause_and_is_explained(embed: Embed) -> None:
    written = sealed("date > docs/said.md")
    road = embed(ON + written[written.index("agent:"):], metrics_token=SecretStr(TOKEN))
    settings = road.bellhop.parts.settings
    ada = road.github.person("ada")
    ada.push(REPO, "code", {"till.py": "1\n"})
    ada.open_pull(REPO, "code", "Docs of the code")
    until(lambda: len(road.decisions("pull_request.opened")) == 1, "the first one is decided on", road.log)
    assert "nearest was fix, whose `on.pull_request.paths` says no" in road.decisions("pull_request.opened")[0]

    assert "is paused" in pause_profile(settings, "fix")
    ada.push(REPO, "words", {"docs/a.md": "a\n"})
    number = ada.open_pull(REPO, "words", "Docs: a word").number
    road.told("Now: queued 1st; the operator has paused the profile fix.", number=number)
    assert road.newest().state == "queued"
    assert "begins within" in resume_profile(settings, "fix")
    until(lambda: road.newest().state == "done", "it is worked on once it is resumed", road.log, 60)
    run = road.newest()
    assert run.outcome is not None
    assert run.outcome.kind == "pull_request", run.outcome

    key = run.event.delivery_key
    told = "\n".join(explain_delivery(settings, key, permission="write", changed=("docs/a.md",)))
    assert f"Decided then: start: profile fix takes pull_request.opened; ada has write, needed is write, run {run.id}" in told
    assert "  fix: takes it" in told
    assert "Decision: start fix" in told
    assert '"permissions":{"metadata":"read","pull_requests":"read"}' in told
    said = io.StringIO()
    console = Console(file=said, width=200)
    backtest_profile(settings, console, "fix", since="1h", limit=5, as_json=False)
    # Which files were changed is nobody's to know later.
    assert "would have started 0 runs, and 2 more if what nobody asked about then holds" in said.getvalue()

    page = httpx.get(f"{road.bellhop.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False).text
    assert 'bellhop_outcomes_total{outcome="pull_request",profile="fix",reason=""} 1.0' in page
    assert 'bellhop_decisions_total{decision="start",reason="",source="github"} 1.0' in page
    assert 'bellhop_deliveries_total{reason="pull_request.opened",source="github",verdict="accepted"} ' in page
    assert 'bellhop_acknowledged_seconds_bucket{le="10.0"} 1.0' in page
    road.nothing_is_left()
