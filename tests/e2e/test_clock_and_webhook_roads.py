"""The roads that begin with nobody: a tick of the clock, and a delivery at a profile's own webhook."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from app.ledger import runs
from app.ledger.tables import inbox
from tasks.keeping.schedules import fire_due
from tests.e2e.conftest import Embed
from tests.e2e.embedded import Road, sealed
from tests.e2e.harness import REPO, until

# A whole run in bubblewrap each.
pytestmark = [pytest.mark.bubblewrap, pytest.mark.slow]

SECRET = "the secret of the deploys"
DEPLOY = {"type": "deploy.failed", "id": 7, "log": "cents: 999 <!-- nobody sees this -->"}
CLOCK = 'on:\n  schedule: [{cron: "0 3 * * *", timezone: Europe/Berlin}]\nrepositories: [octo/till]\nprompt: Look at the till.\n'
HOOK = """\
on:
  webhook:
    name: deploys
    auth: hmac
    hmac: {header: X-Deploy-Signature}
    repository: octo/till
    where: [{field: type, is: deploy.failed}]
    id: id
    thread: id
    title: "Deploy {{ id }} failed"
    prompt: "Deploy {{ id }} failed: {{ log }}"
"""


def profile_of(on: str, run: str, **more: str) -> str:
    written = sealed(run, **more)
    return on + written[written.index("agent:"):]


def events(road: Road) -> int:
    """How many events are on file that did not come from GitHub: what Bellhop does there rings, too, and for nobody."""
    with road.bellhop.database.read() as tx:
        return int(tx.execute(select(func.count()).select_from(inbox).where(inbox.c.source != "github")).scalar_one())


def own_issues(road: Road) -> list[int]:
    repo = road.github.repository(REPO)
    return [number for number, issue in repo.issues.items() if issue.pull is None and issue.user == road.github.app.bot]


def test_ticks_that_nobody_saw_are_one_message_and_the_next_is_another_in_the_same_place(embed: Embed) -> None:
    road = embed(profile_of(CLOCK, "echo the till has $(cat till.txt)", workspace="ro"))
    now = datetime.now(UTC)
    fire_due(road.bellhop.parts, now)
    assert events(road) == 0
    for _ in range(3):
        fire_due(road.bellhop.parts, now + timedelta(days=9))
    until(lambda: own_issues(road), "an issue is opened for the message", road.log)
    [number] = own_issues(road)
    road.told("the till has cents: 999", number=number)
    assert events(road) == 1
    assert road.newest().event.repo.id != 0
    fire_due(road.bellhop.parts, now + timedelta(days=11))
    until(lambda: len(road.comments(number)) == 2, "the next tick's words stand there too", road.log)
    assert own_issues(road) == [number]
    assert events(road) == 2
    # Its own issue and its own words have rung for nobody.
    road.github.wait_for_deliveries()
    with road.bellhop.database.read() as tx:
        assert len(runs.recent(tx)) == 2
    road.nothing_is_left()


def test_a_webhook_becomes_a_pull_request_and_the_same_one_again_nothing(embed: Embed, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "deploys").write_text(f"{SECRET}\n")
    road = embed(profile_of(HOOK, "sed -i s/999/1000/ till.txt"), webhook_secrets_dir=secrets)
    assert deliver(road, DEPLOY, secret="a guess") == (401, "signature_mismatch")
    assert deliver(road, DEPLOY | {"type": "deploy.done"}) == (200, "ignored")
    assert events(road) == 0
    assert deliver(road, DEPLOY) == (202, "accepted")
    until(lambda: road.github.pull_requests(REPO), "the pull request is open", road.log)
    assert deliver(road, DEPLOY) == (200, "duplicate")
    assert deliver(road, DEPLOY | {"log": "sent again, with another word"}) == (200, "duplicate")
    [pull] = road.github.pull_requests(REPO)
    assert pull.title == "Deploy 7 failed"
    road.told("Pull request", number=pull.number)
    assert "+cents: 1000" in road.changes(road.branch())
    assert own_issues(road) == []
    assert events(road) == 1
    road.nothing_is_left()


def deliver(road: Road, payload: dict[str, object], secret: str = SECRET) -> tuple[int, str]:
    """Send a delivery as the service does, and return the answer's status, and what it says came of it."""
    body = json.dumps(payload).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    answer = httpx.post(f"{road.bellhop.url}/hooks/webhook/deploys", content=body, headers={"x-deploy-signature": signature}, timeout=10)
    said = answer.json()
    return answer.status_code, said.get("result") or said["reason"]
