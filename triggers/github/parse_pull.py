"""`pull_request`, `pull_request_review` and `pull_request_review_comment`: a pull request, and what people say of its change; pure."""

from __future__ import annotations

from typing import Any, Literal

from app.core.event import Event, Pull, Spot
from triggers.github.happening import Happening, pass_over_words
from triggers.github.payload_pull import PullDelivery, PullRequest, ReviewComment


def read_pull_request(happening: Happening, delivery: PullDelivery) -> Event | str:
    """Return the event, or why it is passed over."""
    if happening.is_by_nobody(delivery.sender):
        return "bot"
    pull = delivery.pull_request
    label = None if delivery.label is None else delivery.label.name
    assignee = None if delivery.assignee is None else delivery.assignee.login
    reviewer = None if delivery.requested_reviewer is None else delivery.requested_reviewer.login
    return happening.event(
        delivery, **_of(happening, pull), url=pull.html_url, text=pull.body or "", label=label, assignee=assignee, reviewer=reviewer,
        occurred_at=pull.updated_at, told=(pull.number, None, label or assignee or reviewer),
    )


def read_review(happening: Happening, delivery: PullDelivery) -> Event | str:
    """Return the event, or why it is passed over. Raises DeliveryRefused."""
    review, pull = happening.there("review", delivery.review), delivery.pull_request
    reason = pass_over_words(happening, delivery.sender, review.user, review.body)
    if reason is not None:
        return reason
    return happening.event(
        delivery, **_of(happening, pull), url=review.html_url, text=review.body or "", review=review.state, review_id=review.id,
        occurred_at=review.submitted_at, told=(pull.number, review.id, None),
    )


def read_review_comment(happening: Happening, delivery: PullDelivery) -> Event | str:
    """Return the event, or why it is passed over. Raises DeliveryRefused."""
    comment, pull = happening.there("comment", delivery.comment), delivery.pull_request
    reason = pass_over_words(happening, delivery.sender, comment.user, comment.body)
    if reason is not None:
        return reason
    return happening.event(
        delivery, **_of(happening, pull), url=comment.html_url, text=comment.body or "", comment_id=comment.id, spot=spot_of(comment),
        occurred_at=comment.created_at, told=(pull.number, comment.id, None),
    )


def spot_of(comment: ReviewComment) -> Spot:
    """Return the place that a comment is about; of a line that is gone, where it was."""
    return Spot(path=comment.path, line=comment.line or comment.original_line, hunk=comment.diff_hunk or "")


def _of(happening: Happening, pull: PullRequest) -> dict[str, Any]:
    """Return the members of an Event that are the pull request's."""
    state: Literal["open", "closed"] = "open" if pull.state == "open" else "closed"
    return {
        "thread": f"#{pull.number}", "title": pull.title, "number": pull.number, "is_pull_request": True,
        "labels": tuple(each.name for each in pull.labels), "branch": pull.base.ref,
        "author": happening.author(pull.user),
        "pull": Pull(
            number=pull.number, state=state, merged=bool(pull.merged or pull.merged_at),
            head_repo_id=None if pull.head.repo is None else pull.head.repo.id, head_ref=pull.head.ref,
            head_commit=pull.head.sha, base_ref=pull.base.ref,
        ),
    }
