"""Reviews of pull requests, submitted as they are made. https://docs.github.com/rest/pulls/reviews"""

from __future__ import annotations

from typing import Literal

from app.emulators.github import reviews, store
from app.emulators.github.call import Answer, Body, Call
from app.emulators.github.dispatch import Endpoint
from app.emulators.github.problems import not_found, refused
from app.emulators.github.shapes import review as shapes
from app.emulators.github.shapes.account import Json
from app.emulators.github.state import Issue, Repository, Review

_STATES: dict[str, Literal["approved", "changes_requested", "commented"]] = {
    "APPROVE": "approved", "REQUEST_CHANGES": "changes_requested", "COMMENT": "commented",
}


class NewReviewComment(Body):
    """A comment on one line of the new side; nothing else is modelled."""

    path: str
    body: str
    line: int
    side: Literal["RIGHT"] = "RIGHT"


class NewReview(Body):
    """A review to submit at once: without `event` GitHub would keep it pending, which is not modelled."""

    commit_id: str | None = None
    body: str = ""
    event: Literal["APPROVE", "REQUEST_CHANGES", "COMMENT"]
    comments: list[NewReviewComment] = []


def create_review(call: Call) -> Answer:
    """POST /repos/{owner}/{repo}/pulls/{number}/reviews."""
    repo = call.repository(("pull_requests", "write"))
    found, asked = _pull(call, repo), call.read(NewReview)
    if asked.event != "COMMENT" and call.actor is found.user:
        raise refused("PullRequestReview", "Can not approve your own pull request")
    if found.pull is not None and asked.commit_id is not None and asked.commit_id not in store.commits_between(
        repo.path, found.pull.base_sha, found.pull.head_sha
    ):
        raise refused("PullRequestReview", "commit_id is not part of the pull request")
    made = reviews.submit(
        call.world, repo, found, call.actor, _STATES[asked.event], asked.body,
        [reviews.OnLine(one.path, one.line, one.body) for one in asked.comments],
    )
    return Answer(200, _shape(call, repo, found, made))


def list_reviews(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/pulls/{number}/reviews, oldest first."""
    repo = call.repository(("pull_requests", "read"))
    found = _pull(call, repo)
    return call.page(found.reviews, lambda one: _shape(call, repo, found, one))


def _pull(call: Call, repo: Repository) -> Issue:
    found = repo.issues.get(call.params["number"])
    if found is None or found.pull is None:
        raise not_found()
    return found


def _shape(call: Call, repo: Repository, found: Issue, made: Review) -> Json:
    return {**shapes.review(call.world, repo, found, made), "state": made.state.upper(), "body": made.body}


_REVIEWS = "/repos/{owner}/{repo}/pulls/{number:int}/reviews"

ENDPOINTS = [Endpoint("POST", _REVIEWS, create_review), Endpoint("GET", _REVIEWS, list_reviews)]
