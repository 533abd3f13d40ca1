"""The ready profiles whose result is words: right as they are, and held to what their page says."""

from __future__ import annotations

import pytest

from app.core.profile import Profile
from app.execute.agents import agent_named
from app.profiles import check_profile
from app.settings import ROOT


@pytest.mark.parametrize(("name", "events", "is_review"), [
    ("review-pr", {"pull_request"}, True), ("answer", {"issues", "issue_comment"}, False),
])
def test_a_ready_profile_that_answers_in_words_keeps_no_change(name: str, events: set[str], is_review: bool) -> None:
    file = ROOT / "profiles" / "ready" / f"{name}.yaml"
    checked = check_profile(
        file, name, templates_dir=ROOT / "templates", check_agent=lambda choice: agent_named(choice.uses).check(choice), registries=(),
    )
    assert checked.lines() == []
    profile = checked.profile
    assert isinstance(profile, Profile)
    assert set(profile.on.filters) == events
    assert not profile.keeps_changes
    assert (profile.review is not None) == is_review
    assert (profile.permissions, profile.egress.connect, profile.egress.registries) == ({"contents": "read"}, (), ())
