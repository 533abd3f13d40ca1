"""Whose approval counts, and for what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.deciding.approval import Approval, Standing, intent_of, is_enough, why_not_counted
from app.core.deciding.autonomy import LEVELS, is_least, lower
from app.core.deciding.said import Said, said_to
from app.core.event import Actor, Event, Repo

WAITS = Standing(binds="0123456789abcdef", state="open", asked_by=("1",), approved_by=("2",))
EVENT = Event(
    source="github", kind="issues.labeled", delivery_key="1", thread="github:octo/hello#1", actor=Actor(id="1", login="a", kind="person"),
    repo=Repo(id=1, full_name="octo/hello", default_branch="main"), url="https://github.invalid", title="It breaks", text="Always",
)


@pytest.mark.parametrize(("standing", "actor_id", "named", "why"), [
    ({}, "3", "", ""),
    ({}, "3", "0123456", ""),
    ({}, "3", "1234567", "is not what waits here"),
    ({}, "1", "", "whoever asked"),
    ({}, "2", "", "counted before"),
    ({"is_expired": True}, "3", "", "time is over"),
    ({"is_newest": False}, "3", "", "newer"),
    ({"state": "approved"}, "3", "", "approved already"),
    ({"state": "rejected"}, "3", "", "rejected already"),
])
def test_an_approval_counts_or_it_is_said_why_not(standing: dict[str, object], actor_id: str, named: str, why: str) -> None:
    said = why_not_counted(WAITS.model_copy(update=standing), Approval(requester="exclude"), actor_id, named)
    assert why in said
    assert bool(why) == bool(said)


def test_whoever_asked_counts_unless_they_are_excluded() -> None:
    assert not why_not_counted(WAITS, Approval(), "1", "")


@given(st.lists(st.sampled_from("abc")), st.integers(1, 4))
def test_so_many_different_people_are_needed(who: list[str], needed: int) -> None:
    assert is_enough(Approval(approvers=needed), who) == (len(set(who)) >= needed)


def test_a_plan_is_bound_to_the_request_it_was_made_for() -> None:
    plan = intent_of(EVENT, "do this")
    assert plan == intent_of(EVENT.model_copy(update={"delivery_key": "2"}), "do this")
    assert plan != intent_of(EVENT.model_copy(update={"text": "Never"}), "do this")
    assert plan != intent_of(EVENT, "do that")


@given(st.sampled_from(LEVELS), st.sampled_from(LEVELS))
def test_the_lower_of_two_levels_goes_no_further_than_either(one: str, other: str) -> None:
    least = lower(one, other)  # type: ignore[arg-type]  # hypothesis says str of a literal
    assert is_least(one, least)  # type: ignore[arg-type]  # the same
    assert is_least(other, least)  # type: ignore[arg-type]  # the same


@pytest.mark.parametrize(("text", "said"), [
    ("@bellhop status", Said(verb="status", is_addressed=True)),
    ("/bellhop Retry!", Said(verb="retry", is_addressed=True)),
    ("@bellhop approve", Said(verb="approve", is_addressed=True)),
    ("@bellhop approve 01ABcdef.", Said(verb="approve", named="01abcdef", is_addressed=True)),
    ("@bellhop approve 01ab", Said(is_addressed=True)),
    ("@bellhop approve of this idea", Said(is_addressed=True)),
    ("@bellhop approve\n@bellhop reject", Said(verb="reject", is_addressed=True)),
    ("@bellhop approve\n@bellhop stop", Said(verb="stop", is_addressed=True)),
    ("> @bellhop approve", Said()),
    ("```\n@bellhop approve\n```", Said()),
])
def test_the_words_for_it(text: str, said: Said) -> None:
    assert said_to(text, "bellhop[bot]") == said
