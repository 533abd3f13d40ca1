"""Which events ring for a profile's `on:`."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.profile import Profile, faults
from app.core.ringing.on import On, faults_of_on
from app.core.ringing.rings import rings, takes
from tests.app.core.test_decide import BOT, event


def on(**named: Any) -> On:
    return On.model_validate(named)


@pytest.mark.parametrize("login", ["bellhop[bot]", "bellhop", "Bellhop"])
def test_an_issue_that_is_assigned_to_the_bot_rings(login: str) -> None:
    assert takes(on(issues={}), event("issues.assigned", label=None, assignee=login), BOT)


def test_an_issue_that_is_assigned_to_somebody_else_does_not() -> None:
    assigned = event("issues.assigned", label=None, assignee="ada")
    assert not takes(on(issues={"types": ["assigned"]}), assigned, BOT)
    assert takes(on(issues={"assignees": ["Ada"]}), assigned, BOT)
    assert not takes(on(issues={"assignees": ["bob"]}), assigned, BOT)
    assert not takes(on(issues={}), event("issues.assigned", label=None), BOT)


def test_who_is_assigned_counts_for_that_event_alone() -> None:
    assert takes(on(issues={"types": ["labeled"], "assignees": ["bob"]}), event(), BOT)


def test_a_review_that_is_asked_of_the_bot_rings() -> None:
    asked = event("pull_request.review_requested", label=None, reviewer="bellhop", branch="main")
    assert takes(on(pull_request={"types": ["review_requested"]}), asked, BOT)
    assert not takes(on(pull_request={"types": ["review_requested"]}), asked.model_copy(update={"reviewer": "ada"}), BOT)
    assert takes(on(pull_request={"reviewers": ["ada"]}), asked.model_copy(update={"reviewer": "ada"}), BOT)


def test_a_branch_is_the_one_that_it_is_to_be_merged_into() -> None:
    opened = event("pull_request.opened", label=None, branch="release/1")
    assert takes(on(pull_request={"branches": ["release/*"]}), opened, BOT)
    assert not takes(on(pull_request={"branches": ["main"]}), opened, BOT)
    assert not takes(on(pull_request={"branches": ["**"]}), opened.model_copy(update={"branch": None}), BOT)


def test_an_event_that_is_not_named_does_not_ring() -> None:
    assert not takes(on(issues={}), event("pull_request.opened"), BOT)
    assert not takes(on(pull_request={"types": ["opened"]}), event("pull_request.reopened"), BOT)


def test_what_could_never_ring_is_a_fault() -> None:
    assert [way for way, _ in faults_of_on(on())] == [("on",)]
    assert [way for way, _ in faults_of_on(on(pull_request={"branches": ["!main"]}))] == [("on", "pull_request", "branches")]


@pytest.mark.parametrize(("repositories", "is_here"), [
    ([], True), (["octo/hello"], True), (["Octo/Hello"], True), (["octo/*"], True), (["octo/hell"], False), (["o*"], False),
    (["octo/*", "!octo/hello"], False), (["else/*", "octo/h*"], True),
])
def test_a_profile_works_in_its_own_repositories_only(repositories: list[str], is_here: bool) -> None:
    profile = Profile.model_validate({"name": "a", "on": {"issues": {}}, "agent": {"uses": "mini"}, "repositories": repositories})
    assert rings(profile, event(), BOT) is is_here


@pytest.mark.parametrize("pattern", ["hello", "!octo/hello"])
def test_a_repository_that_could_never_be_is_a_fault(pattern: str) -> None:
    profile = Profile.model_validate({"name": "a", "on": {"issues": {}}, "agent": {"uses": "mini"}, "repositories": [pattern]})
    assert "repositories" in [way[0] for way, _ in faults(profile)]
