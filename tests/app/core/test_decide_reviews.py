"""decide(): reviews and their comments."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.decide import Append, Decision, Start, decide, needs_permission
from app.core.event import REVIEW, REVIEW_COMMENT, Event
from tests.app.core.test_decide import event, facts, profile, reason

BOTH = profile("both", on={"pull_request_review": {}, "pull_request_review_comment": {}})
COMMENTS = profile("comments", on={"pull_request_review_comment": {}})


def review(text: str, **changes: Any) -> Event:
    return event(REVIEW, **({"text": text, "label": None, "review": "commented", "review_id": 5, "branch": "main"} | changes))


def said(text: str) -> Event:
    return event(REVIEW_COMMENT, text=text, label=None, branch="main")


def of(text: str, *, own: bool = False, live: str | None = None, **changes: Any) -> Decision:
    return decide(review(text, **changes), BOTH, facts(live=live, is_own_pull=own, has_all_words=True))


def test_a_review_of_its_own_pull_request_needs_no_address() -> None:
    assert isinstance(of("please rename it", own=True), Start)
    assert reason(of("please rename it")) == "not_addressed"


@pytest.mark.parametrize("own", [True, False])
def test_a_review_that_addresses_the_bot_rings_however_it_ended(own: bool) -> None:
    assert isinstance(of("@bellhop rename it", own=own, review="approved"), Start)


def test_an_approval_of_its_own_pull_request_is_no_wish() -> None:
    assert reason(of("nice", own=True, review="approved")) == "no_profile"


def test_a_review_without_a_word_is_nothing() -> None:
    assert reason(of("", own=True)) == "nothing_said"
    assert reason(of("", live="r1")) == "nothing_said"


def test_a_review_in_a_live_runs_thread_is_a_follow_up() -> None:
    assert isinstance(of("and the docs", live="r1"), Append)


def test_whom_a_review_addresses_is_only_known_with_its_comments() -> None:
    unread = facts(permission=None)
    assert needs_permission(review(""), BOTH, unread)
    assert needs_permission(review("", review="approved"), BOTH, unread)
    assert not needs_permission(review(""), COMMENTS, unread)


def test_a_comment_comes_once_with_its_review_where_that_rings() -> None:
    assert reason(decide(said("@bellhop here"), BOTH, facts())) == "part_of_a_review"
    assert reason(decide(said("here"), BOTH, facts(live="r1"))) == "part_of_a_review"
    assert isinstance(decide(said("@bellhop here"), COMMENTS, facts()), Start)
    assert isinstance(decide(said("here"), COMMENTS, facts(live="r1")), Append)
