"""`issues` and `issue_comment`: an issue's own events, and what people say in it; pure."""

from __future__ import annotations

from app.core.event import Event
from app.core.run import MARKER_START
from app.core.showing.reply import HOME_START
from triggers.github.happening import Happening, pass_over_words
from triggers.github.payload import IssueDelivery


def read_issue(happening: Happening, delivery: IssueDelivery) -> Event | str:
    """Return the event, or why it is passed over."""
    if happening.is_by_nobody(delivery.sender):
        return "bot"
    issue = delivery.issue
    if happening.kind == "issues.opened" and any(start in (issue.body or "") for start in (MARKER_START, HOME_START)):
        return "own_words"
    # An issue without its assignee: GitHub leaves the account out where that is gone.
    assignee = None if delivery.assignee is None else delivery.assignee.login
    label = None if delivery.label is None else delivery.label.name
    return happening.event(
        delivery, thread=f"#{issue.number}", url=issue.html_url, title=issue.title, text=issue.body or "", number=issue.number,
        is_pull_request=issue.pull_request is not None, label=label, labels=tuple(each.name for each in issue.labels),
        assignee=assignee, author=happening.author(issue.user), occurred_at=issue.updated_at, told=(issue.number, None, label or assignee),
    )


def read_issue_comment(happening: Happening, delivery: IssueDelivery) -> Event | str:
    """Return the event, or why it is passed over. Raises DeliveryRefused."""
    comment = happening.there("comment", delivery.comment)
    reason = pass_over_words(happening, delivery.sender, comment.user, comment.body)
    if reason is not None:
        return reason
    issue = delivery.issue
    return happening.event(
        delivery, thread=f"#{issue.number}", url=comment.html_url, title=issue.title, text=comment.body or "", number=issue.number,
        is_pull_request=issue.pull_request is not None, labels=tuple(each.name for each in issue.labels),
        comment_id=comment.id, author=happening.author(issue.user), occurred_at=comment.created_at, told=(issue.number, comment.id, None),
    )
