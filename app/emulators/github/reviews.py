"""What people say of the lines of a pull request's change. The caller holds the lock and has checked who may.

https://docs.github.com/en/rest/pulls/comments#create-a-review-comment-for-a-pull-request
"""

from __future__ import annotations

import re

from app.emulators.github import issues, trees
from app.emulators.github.problems import invalid, refused
from app.emulators.github.shapes.account import user
from app.emulators.github.shapes.pull import pull_of, pull_simple
from app.emulators.github.shapes.review import review_comment
from app.emulators.github.state import Issue, Repository, ReviewComment, User
from app.emulators.github.webhooks import tell
from app.emulators.github.world import World

_HUNK = re.compile(r"^@@ -\d+(?:,\d+)? \+(\d+)(?:,\d+)? @@.*$")


def comment_on_line(world: World, repo: Repository, issue: Issue, author: User, path: str, line: int, body: str) -> ReviewComment:
    """Comment on a line of the new side (`pull_request_review_comment.created`). Raises Problem (422) for one that is no part of the change."""
    if not body.strip():
        raise invalid("PullRequestReviewComment", "body", "missing_field")
    pull = pull_of(issue)
    found = _hunk_up_to(trees.patch(repo.path, pull.base_sha, pull.head_sha, path), line)
    if found is None:
        raise refused("PullRequestReviewComment", "pull_request_review_thread.line must be part of the diff")
    hunk, position = found
    now = world.now()
    written = ReviewComment(
        id=world.state.new_id(), review_id=world.state.new_id(), user=author, body=body, path=path, line=line, position=position, diff_hunk=hunk,
        commit_id=pull.head_sha, created_at=now, updated_at=now,
    )
    issue.review_comments.append(written)
    issue.updated_at = now
    tell(world, "pull_request_review_comment", "created", repo, author, {
        "pull_request": pull_simple(world, repo, issue), "comment": review_comment(world, repo, issue, written),
    })
    return written


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
