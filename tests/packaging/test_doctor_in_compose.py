"""`bellhop doctor` in the worker of compose.yaml, which is not given what belongs to web and to the gateway."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.commands.doctor_github import look_at_github
from app.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("broker_url", "verdict"), [("redis://127.0.0.1:6379/0", "off"), ("memory://", "missing")])
def test_the_webhook_secret_is_asked_for_where_web_runs(broker_url: str, verdict: str) -> None:
    findings = {each.name: each for each in look_at_github(Settings(broker_url=broker_url, github_app_id=""), {})}
    assert findings["webhook secret"].verdict == verdict
    assert findings["GitHub App"].verdict == "missing"
    file, _, heading = findings["GitHub App"].mend.partition(", ")
    assert f"## {heading.strip('`')}\n" in (ROOT / file).read_text()
