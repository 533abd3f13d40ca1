"""A run's grant is the profile's, intersected with what the person may do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.grant import Access
from app.core.permission import PERMISSIONS, Permission, may
from app.core.profile import REPOSITORY_PERMISSIONS
from app.core.sandbox.entitlement import entitled, needed_role

ASKED: dict[str, Access] = {"contents": "read", "issues": "read", "security_events": "read"}


@pytest.mark.parametrize(("role", "left_out"), [
    ("none", ("contents", "issues", "security_events")), ("read", ("security_events",)), ("triage", ("security_events",)),
    ("write", ()), ("maintain", ()), ("admin", ()), ("owner", ("contents", "issues", "security_events")),
])
def test_t49_a_token_holds_no_more_than_the_person_could_see(role: str, left_out: tuple[str, ...]) -> None:
    found = entitled(ASKED, role)
    assert found.left_out == left_out
    assert found.permissions == {name: "read" for name in ASKED if name not in left_out}


def test_what_nobody_thought_of_is_for_administrators() -> None:
    assert entitled({"administration": "read", "secrets": "read"}, "maintain").permissions == {}
    assert entitled({"administration": "read"}, "admin").permissions == {"administration": "read"}
    assert needed_role("contents", "write") == "write"
    assert needed_role("administration", "write") == "admin"


names = st.sampled_from([*REPOSITORY_PERMISSIONS, "administration", "workflows"])
accesses: st.SearchStrategy[Access] = st.sampled_from(["read", "write"])


@given(asked=st.dictionaries(names, accesses), role=st.sampled_from(PERMISSIONS), more=st.sampled_from(PERMISSIONS))
def test_t49_never_more_than_asked_and_never_less_with_a_higher_role(
    asked: dict[str, Access], role: Permission, more: Permission
) -> None:
    found = entitled(asked, role)
    assert found.permissions.items() <= asked.items()
    assert set(found.left_out) | set(found.permissions) == set(asked)
    if may(more, role):
        assert found.permissions.items() <= entitled(asked, more).permissions.items()
    assert may(role, "write") or "write" not in found.permissions.values()
