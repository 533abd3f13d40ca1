"""What people say of the lines of a pull request's change. The caller holds the lock and has checked who may.

https://docs.github.com/en/rest/pulls/reviews#create-a-review-for-a-pull-request
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from app.emulators.github import issues, trees
from app.emulators.github.problems import invalid, refused
from app.emulators.github.shapes.account import user
from app.emulators.github.shapes.pull import pull_of, pull_simple
from app.emulators.github.shapes.review import review, review_comment
from app.emulators.github.state import Issue, Repository, Review, ReviewComment, User
from app.emulators.github.webhooks import tell
from app.emulators.github.world import World

_HUNK = re.compile(r"^@@ -\d+(?:,\d+)? \+(\d+)(?:,\d+)? @@.*$")


class OnLine(NamedTuple):
    """A comment of a review, on a line of the new side."""

    path: str
    line: int
    body: str


def submit(
    world: World, repo: Repository, issue: Issue, author: User, state: Literal["approved", "changes_requested", "commented"], body: str,
    on_lines: Sequence[OnLine] = (),
) -> Review:
    """Submit a review (`pull_request_review.submitted`, and `pull_request_review_comment.created` for each of its comments).

    Raises Problem (422) for a review without a word, or a line that is no part of the change.
    """
    if state != "approved" and not body.strip() and not on_lines:
        raise refused("PullRequestReview", "Review must have a body or comments")
    pull = pull_of(issue)
    places = [_hunk_up_to(trees.patch(repo.path, pull.base_sha, pull.head_sha, one.path), one.line) for one in on_lines]
    now = world.now()
    made = Review(id=world.state.new_id(), user=author, body=body, state=state, commit_id=pull.head_sha, submitted_at=now)
    written = []
    for one, place in zip(on_lines, places, strict=True):
        if not one.body.strip():
            raise invalid("PullRequestReviewComment", "body", "missing_field")
        if place is None:
            raise refused("PullRequestReviewComment", "pull_request_review_thread.line must be part of the diff")
        written.append(ReviewComment(
            id=world.state.new_id(), review_id=made.id, user=author, body=one.body, path=one.path, line=one.line, position=place[1],
            diff_hunk=place[0], commit_id=pull.head_sha, created_at=now, updated_at=now,
        ))
    issue.reviews.append(made)
    issue.review_comments += written
    issue.updated_at = now
    # In this order, as far as anybody outside has seen; nobody may rely on it.
    for comment in written:
        tell(world, "pull_request_review_comment", "created", repo, author, {
            "pull_request": pull_simple(world, repo, issue), "comment": review_comment(world, repo, issue, comment),
        })
    tell(world, "pull_request_review", "submitted", repo, author, {
        "pull_request": pull_simple(world, repo, issue), "review": review(world, repo, issue, made),
    })
    return made


def request_review(world: World, repo: Repository, issue: Issue, actor: User, reviewer: User) -> None:
    """Ask somebody for a review (`pull_request.review_requested`); who has been asked already is not asked again."""
    pull = pull_of(issue)
    if reviewer in pull.requested_reviewers:
        return
    pull.requested_reviewers.append(reviewer)
    issue.updated_at = world.now()
    issues.tell_issue(world, repo, issue, "review_requested", actor, {"requested_reviewer": user(world, reviewer)})


def _hunk_up_to(patch: str, line: int) -> tuple[str, int] | None:
    """Return the hunk from its head to a line of the new side, and how far down the whole diff that is; None where it is not shown."""
    kept: list[str] = []
    position, at = -1, 0
    for text in patch.splitlines():
        if head := _HUNK.match(text):
            kept, at = [text], int(head[1])
            position += 1
            continue
        if not kept:
            continue
        kept.append(text)
        position += 1
        if text.startswith(("+", " ")):
            if at == line:
                return "\n".join(kept), position
            at += 1
    return None
