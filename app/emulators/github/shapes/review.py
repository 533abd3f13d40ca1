"""Comments on the lines of a pull request's change, as GitHub's API shows them."""

from __future__ import annotations

from app.emulators.github.shapes.account import Json, user_or_none
from app.emulators.github.shapes.issue import association, reactions
from app.emulators.github.state import Issue, Repository, Review, ReviewComment, node_id
from app.emulators.github.world import World, iso


def review(world: World, repo: Repository, of: Issue, found: Review) -> Json:
    """Return a review as webhooks show it; over REST its state is in upper case."""
    html = f"{world.repo_web(repo)}/pull/{of.number}#pullrequestreview-{found.id}"
    pull = f"{world.repo_api(repo)}/pulls/{of.number}"
    return {
        "id": found.id,
        "node_id": node_id("PullRequestReview", found.id),
        "user": user_or_none(world, found.user),
        "body": found.body or None,
        "commit_id": found.commit_id,
        "submitted_at": iso(found.submitted_at),
        "updated_at": iso(found.submitted_at),
        "state": found.state,
        "html_url": html,
        "pull_request_url": pull,
        "author_association": association(repo, found.user),
        "_links": {"html": {"href": html}, "pull_request": {"href": pull}},
    }


def review_comment(world: World, repo: Repository, of: Issue, found: ReviewComment) -> Json:
    """Return a `pull-request-review-comment`."""
    api = f"{world.repo_api(repo)}/pulls/comments/{found.id}"
    html = f"{world.repo_web(repo)}/pull/{of.number}#discussion_r{found.id}"
    pull = f"{world.repo_api(repo)}/pulls/{of.number}"
    return {
        "url": api,
        "pull_request_review_id": found.review_id,
        "id": found.id,
        "node_id": node_id("PullRequestReviewComment", found.id),
        "diff_hunk": found.diff_hunk,
        "path": found.path,
        "position": found.position,
        "original_position": found.position,
        "commit_id": found.commit_id,
        "original_commit_id": found.commit_id,
        "user": user_or_none(world, found.user),
        "body": found.body,
        "created_at": iso(found.created_at),
        "updated_at": iso(found.updated_at),
        "html_url": html,
        "pull_request_url": pull,
        "author_association": association(repo, found.user),
        "_links": {"self": {"href": api}, "html": {"href": html}, "pull_request": {"href": pull}},
        "reactions": reactions(api),
        "start_line": None,
        "original_start_line": None,
        "start_side": None,
        "line": found.line,
        "original_line": found.line,
        "side": "RIGHT",
        "subject_type": "line",
    }
