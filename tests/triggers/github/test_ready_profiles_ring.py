"""What the shipped profiles act on, by every payload that GitHub's own library publishes, and by those with the one member that they ask for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.core.event import Event
from app.core.profile import Profile
from app.core.ringing.rings import rings
from app.settings import ROOT
from tests.ready_profiles import FILES, shipped
from triggers.github.parse import parse

PAYLOADS = ROOT / "tests" / "payloads" / "github" / "webhooks"
Payload = dict[str, Any]


@pytest.fixture(scope="module")
def profiles() -> dict[str, Profile]:
    """The shipped profiles by their names."""
    return {name: shipped(name) for name in FILES}


def examples() -> dict[tuple[str, str], Payload]:
    lines = [json.loads(line) for line in (PAYLOADS / "others.jsonl").read_text(encoding="utf-8").splitlines()]
    files = [(file.parent.name, file.name.removesuffix(".json").removesuffix(".payload"), file) for file in PAYLOADS.glob("*/*.json")]
    return {(each["event"], each["example"]): each["payload"] for each in lines} | {
        (event, name): json.loads(file.read_text(encoding="utf-8")) for event, name, file in files
    }


def ring(profiles: dict[str, Profile], event: str, payload: Payload) -> set[str]:
    parsed = parse(event, "d-1", payload)
    if not isinstance(parsed, Event):
        return set()
    return {name for name, profile in profiles.items() if rings(profile, parsed, "bellhop[bot]")}


def test_of_all_that_is_published_only_comments_ring_and_only_for_one(profiles: dict[str, Profile]) -> None:
    published = examples()
    assert len(published) == 273
    ringing = {key: found for key, payload in published.items() if (found := ring(profiles, key[0], payload))}
    assert ringing == {
        ("issue_comment", name): {"triage"} for name in ("created", "created.1", "created.with-installation", "created.with-organization")
    }


@pytest.mark.parametrize(("profile", "event", "example", "member", "value"), [
    ("fix-issue", "issues", "labeled", "label.name", "bellhop"),
    ("answer", "issues", "labeled", "label.name", "question"),
    ("triage", "issues", "labeled", "label.name", "triage"),
    ("answer", "issue_comment", "created", "issue.labels.0.name", "question"),
    ("fix-ci", "workflow_run", "completed", "workflow_run.conclusion", "failure"),
    ("fix-ci", "workflow_run", "completed", "workflow_run.conclusion", "timed_out"),
    ("review-pr", "pull_request", "review_requested", "requested_reviewer.login", "your-bellhop-account"),
])
def test_a_published_payload_rings_for_the_profile_by_the_one_member_that_it_asks_for(
    profiles: dict[str, Profile], profile: str, event: str, example: str, member: str, value: str,
) -> None:
    payload = examples()[event, example]
    assert profile not in ring(profiles, event, payload)
    *way, last = member.split(".")
    place: Any = payload
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place[step]
    place[last] = value
    assert profile in ring(profiles, event, payload)


def test_what_rings_by_the_clock_rings_for_no_payload(profiles: dict[str, Profile]) -> None:
    assert {name for name, profile in profiles.items() if not profile.on.filters} == {"nightly-flaky-tests", "update-deps"}
