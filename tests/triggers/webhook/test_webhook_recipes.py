"""The recipes of docs/webhooks.md: each is a profile, and takes the payload that its vendor documents."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.core.event import Event, Ignored
from app.profiles import check_profile
from app.settings import ROOT
from triggers.webhook.trigger import WebhookTrigger

PAYLOADS = ROOT / "tests" / "payloads" / "webhook"
SECRET = "a-secret-of-the-service"
RECIPES = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "webhooks.md").read_text(), re.DOTALL)


def trigger(name: str, directory: Path) -> WebhookTrigger:
    [recipe] = [text for text in RECIPES if f"name: {name}\n" in text]
    (directory / f"{name}.yaml").write_text(recipe)
    checked = check_profile(directory / f"{name}.yaml", name, templates_dir=ROOT / "templates", check_agent=lambda _choice: None)
    assert checked.lines() == []
    assert checked.profile is not None
    assert checked.profile.on.webhook is not None
    return WebhookTrigger(name, checked.profile.on.webhook, [SecretStr(SECRET)])


def signed(name: str, body: bytes) -> list[tuple[bytes, bytes]]:
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest().encode()
    return {
        "sentry": [(b"sentry-hook-signature", digest)], "alertmanager": [(b"authorization", f"Bearer {SECRET}".encode())],
        "pagerduty": [(b"x-pagerduty-signature", b"v1=" + b"0" * 64 + b",v1=" + digest)],
    }[name]


@pytest.mark.parametrize(("name", "file", "repository", "thread", "words"), [
    ("sentry", "sentry.event_alert.json", "octo/till", "1117540176", ["ReferenceError: heck is not defined", "<anonymous>:3 in None"]),
    ("pagerduty", "pagerduty.incident.priority_updated.json", "octo/till", "PGR0VU2", ["Incident 2 (high) of API Service"]),
    ("alertmanager", "alertmanager.firing.json", "octo/till", "", ["TillErrors since 2026-11-22T03:00:00Z: More than 5 % of requests fail"]),
])
def test_a_recipe_takes_its_vendors_payload(name: str, file: str, repository: str, thread: str, words: list[str], tmp_path: Path) -> None:
    body = (PAYLOADS / file).read_bytes()
    event = trigger(name, tmp_path).receive(signed(name, body), body)
    assert isinstance(event, Event)
    assert (event.repo.full_name, event.profile, event.kind) == (repository, name, "webhook")
    assert event.thread.startswith(f"webhook:{name}@octo/till#{thread}")
    for each in words:
        assert each in event.text


@pytest.mark.parametrize(("name", "file", "way", "value", "reason"), [
    ("sentry", "sentry.event_alert.json", ["data", "event", "level"], "warning", "where_not_met"),
    ("pagerduty", "pagerduty.incident.priority_updated.json", ["event", "data", "service", "id"], "PNOTOURS", "no_such_repository"),
    ("alertmanager", "alertmanager.firing.json", ["status"], "resolved", "where_not_met"),
])
def test_a_recipe_passes_over_what_is_not_for_it(name: str, file: str, way: list[str], value: str, reason: str, tmp_path: Path) -> None:
    payload: dict[str, Any] = json.loads((PAYLOADS / file).read_text())
    holder = payload
    for key in way[:-1]:
        holder = holder[key]
    holder[way[-1]] = value
    body = json.dumps(payload).encode()
    assert trigger(name, tmp_path).receive(signed(name, body), body) == Ignored(source="webhook", kind="webhook", reason=reason)


def test_an_incident_is_one_conversation_and_each_of_its_events_is_one_delivery(tmp_path: Path) -> None:
    payload = json.loads((PAYLOADS / "pagerduty.incident.priority_updated.json").read_text())
    first = trigger("pagerduty", tmp_path).read("", "x", json.dumps(payload).encode())
    payload["event"] |= {"id": "another", "event_type": "incident.triggered"}
    second = trigger("pagerduty", tmp_path).read("", "x", json.dumps(payload).encode())
    assert isinstance(first, Event)
    assert isinstance(second, Event)
    assert first.thread == second.thread
    assert first.delivery_key != second.delivery_key
