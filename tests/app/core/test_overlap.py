"""Two profiles on one event: said when a label or a type lies in both, and only then."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.profile import Profile
from app.core.ringing.overlap import overlaps


def profile(name: str, on: dict[str, Any]) -> Profile:
    return Profile.model_validate({"name": name, "on": on, "agent": {"uses": "mini"}})


@pytest.mark.parametrize(("one", "other", "both"), [
    ({"issues": {"types": ["labeled"], "labels": ["Fix"]}}, {"issues": {"labels": ["fix", "x"]}}, ["issues.labeled with the label fix"]),
    ({"issues": {"types": ["labeled"]}}, {"issues": {"labels": ["fix"]}}, ["issues.labeled with the label fix"]),
    ({"issues": {}}, {"issues": {}}, ["issues.opened", "issues.labeled", "issues.assigned"]),
    ({"issues": {}, "issue_comment": {}}, {"issue_comment": {}}, ["issue_comment.created"]),
    ({"issues": {"types": ["opened"]}}, {"issues": {"types": ["labeled"]}}, []),
    ({"issues": {"labels": ["a"]}}, {"issues": {"labels": ["b"]}}, []),
    ({"issues": {}}, {"issue_comment": {}}, []),
])
def test_what_both_take_is_said(one: dict[str, Any], other: dict[str, Any], both: list[str]) -> None:
    profiles = {"b": profile("b", other), "a": profile("a", one)}
    ending = "a comes first by name, so b never starts for it"
    assert overlaps(profiles) == [f"a and b both take {what}: {ending}" for what in both]
