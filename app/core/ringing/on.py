"""The events that ring: a profile's `on:`, as in a GitHub Actions workflow.

https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from app.core.ringing.narrowing import ByAuthor, ByBranch, ByChange, faults_of_narrowing
from app.core.ringing.on_ci import CheckRunFilter, CheckSuiteFilter, PushFilter, StatusFilter, WorkflowRunFilter
from app.core.ringing.on_elsewhere import LinearFilter, SlackFilter
from app.core.ringing.schedule import SCHEDULE, CronLine, faults_of_schedule
from app.core.ringing.webhook_source import WEBHOOK, WebhookSource, faults_of_webhook
from app.core.section import Section

IssueAction = Literal["opened", "labeled", "assigned"]
CommentAction = Literal["created"]
ReviewAction = Literal["submitted"]
PullAction = Literal["opened", "reopened", "synchronize", "ready_for_review", "labeled", "assigned", "review_requested"]


class IssuesFilter(ByAuthor):
    """Which issue events ring; an empty list means any.

    `labels` of a `labeled` event means the label just added, of any other event one that the issue carries. `assignees` of an
    `assigned` event are the logins that it is for; empty: the bot's own.
    """

    types: tuple[IssueAction, ...] = ()
    labels: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()


class CommentFilter(ByAuthor):
    """Which comment events ring (always only such as address the bot); an empty list means any."""

    types: tuple[CommentAction, ...] = ()
    labels: tuple[str, ...] = ()


class ReviewCommentFilter(CommentFilter, ByBranch):
    """The same of comments on a pull request's change."""


ReviewState = Literal["approved", "changes_requested", "commented"]


class ReviewFilter(ByAuthor, ByBranch):
    """Which reviews ring: such as address the bot, and all that are about a pull request of its own.

    A review brings its comments with it. `states` is how it ended.
    """

    types: tuple[ReviewAction, ...] = ()
    labels: tuple[str, ...] = ()
    states: tuple[ReviewState, ...] = ("changes_requested", "commented")


class PullRequestFilter(ByAuthor, ByChange):
    """Which events of pull requests ring; an empty list means any.

    `assignees` and `reviewers` as `assignees` of an issue.
    """

    types: tuple[PullAction, ...] = ()
    labels: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()


Filter = (
    IssuesFilter | CommentFilter | ReviewFilter | PullRequestFilter
    | PushFilter | WorkflowRunFilter | CheckSuiteFilter | CheckRunFilter | StatusFilter | SlackFilter | LinearFilter
)


OWN_EVENTS = (SCHEDULE, WEBHOOK)


class On(Section):
    """The events that ring."""

    issues: IssuesFilter | None = None
    issue_comment: CommentFilter | None = Field(default=None, alias="issue_comment")
    pull_request: PullRequestFilter | None = Field(default=None, alias="pull_request")
    pull_request_review: ReviewFilter | None = Field(default=None, alias="pull_request_review")
    pull_request_review_comment: ReviewCommentFilter | None = Field(default=None, alias="pull_request_review_comment")
    push: PushFilter | None = None
    workflow_run: WorkflowRunFilter | None = Field(default=None, alias="workflow_run")
    check_suite: CheckSuiteFilter | None = Field(default=None, alias="check_suite")
    check_run: CheckRunFilter | None = Field(default=None, alias="check_run")
    status: StatusFilter | None = None
    slack: SlackFilter | None = None
    linear: LinearFilter | None = None

    schedule: tuple[CronLine, ...] = ()
    webhook: WebhookSource | None = None

    @property
    def filters(self) -> dict[str, Filter]:
        """The events at services that it names, each with its filter."""
        named = {name: getattr(self, name) for name in type(self).model_fields if name not in OWN_EVENTS}
        return {name: found for name, found in named.items() if found is not None}

    @property
    def own(self) -> frozenset[str]:
        """The kinds of events that are made for this profile alone."""
        return frozenset(name for name in OWN_EVENTS if getattr(self, name))


def faults_of_on(on: On) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield each thing of it that would never ring: the key's way from the top of the profile, and what is wrong."""
    if not on.filters and not on.own:
        yield ("on",), "names no event, so nothing would ever ring"
    for name, found in on.filters.items():
        yield from ((("on", name, *way), fault) for way, fault in faults_of_narrowing(found))
    yield from ((("on", SCHEDULE, *way), fault) for way, fault in faults_of_schedule(on.schedule))
    if on.webhook is not None:
        yield from ((("on", WEBHOOK, *way), fault) for way, fault in faults_of_webhook(on.webhook))
