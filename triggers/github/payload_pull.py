"""The members of `pull_request`, `pull_request_review` and `pull_request_review_comment` deliveries that Bellhop reads.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#pull_request
"""

from __future__ import annotations

from triggers.github.payload import Account, Branch, Comment, Delivery, Id, Label, Sha, Word
from triggers.members import Line, Members, Text, Time, Url


class Fork(Members):
    """The repository that a side of a pull request stands in."""

    id: Id


class Side(Members):
    """The head or the base of a pull request; `repo` is None where a fork is gone."""

    ref: Branch
    sha: Sha
    repo: Fork | None = None


class PullRequest(Members):
    """A pull request."""

    number: Id
    title: Line
    body: Text = None
    html_url: Url
    state: Word
    merged: bool | None = None
    merged_at: Time | None = None
    head: Side
    base: Side
    labels: list[Label] = []
    updated_at: Time | None = None
    user: Account | None = None


class Review(Members):
    """A review as a whole; `user` is None for somebody who is gone."""

    id: Id
    body: Text = None
    html_url: Url
    user: Account | None
    state: Word
    submitted_at: Time | None = None


class ReviewComment(Comment):
    """A comment on a line of a pull request's change."""

    path: Line
    line: int | None = None
    original_line: int | None = None
    diff_hunk: Text = None


class PullDelivery(Delivery):
    """What the three kinds have in common; `label`, `assignee`, `requested_reviewer`, `review` and `comment` as the action has them."""

    pull_request: PullRequest
    label: Label | None = None
    assignee: Account | None = None
    requested_reviewer: Account | None = None
    review: Review | None = None
    comment: ReviewComment | None = None
