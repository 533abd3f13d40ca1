"""The ready profiles whose result is words: right as they are, and held to what their page says."""

from __future__ import annotations

import pytest

from tests.ready_profiles import shipped


@pytest.mark.parametrize(("name", "events", "is_review"), [
    ("review-pr", {"pull_request"}, True), ("answer", {"issues", "issue_comment"}, False),
])
def test_a_ready_profile_that_answers_in_words_keeps_no_change(name: str, events: set[str], is_review: bool) -> None:
    profile = shipped(name)
    assert set(profile.on.filters) == events
    assert not profile.keeps_changes
    assert (profile.review is not None) == is_review
    assert (profile.permissions, profile.egress.connect, profile.egress.registries) == ({"contents": "read"}, (), ())
