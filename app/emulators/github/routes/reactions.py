"""Reactions to issues, pull requests and their comments. https://docs.github.com/rest/reactions/reactions

The counts that issues and comments carry of them stay at nothing.
"""

from __future__ import annotations

from typing import Literal

from app.emulators.github.call import Access, Answer, Body, Call
from app.emulators.github.dispatch import Endpoint
from app.emulators.github.problems import not_found
from app.emulators.github.shapes.account import Json, user
from app.emulators.github.state import Issue, Reaction, Repository, node_id
from app.emulators.github.world import World, iso


class NewReaction(Body):
    """A reaction to put on."""

    content: Literal["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"]


def react_to_issue(call: Call) -> Answer:
    """POST /repos/{owner}/{repo}/issues/{number}/reactions: 201, or 200 for one that was there."""
    repo, target = _issue(call, "write")
    return _react(call, repo, target)


def react_to_comment(call: Call) -> Answer:
    """POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions."""
    repo, target = _comment(call, "write")
    return _react(call, repo, target)


def react_to_review_comment(call: Call) -> Answer:
    """POST /repos/{owner}/{repo}/pulls/comments/{comment_id}/reactions."""
    repo, target = _review_comment(call, "write")
    return _react(call, repo, target)


def list_of_issue(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/issues/{number}/reactions."""
    repo, target = _issue(call, "read")
    return _list(call, repo, target)


def list_of_comment(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions."""
    repo, target = _comment(call, "read")
    return _list(call, repo, target)


def _react(call: Call, repo: Repository, target: str) -> Answer:
    asked, actor = call.read(NewReaction), call.actor
    there = repo.reactions.setdefault(target, [])
    found = next((one for one in there if one.user is actor and one.content == asked.content), None)
    if found is not None:
        return Answer(200, _shape(call.world, found))
    there.append(Reaction(call.world.state.new_id(), actor, asked.content, call.world.now()))
    return Answer(201, _shape(call.world, there[-1]))


def _list(call: Call, repo: Repository, target: str) -> Answer:
    return call.page(repo.reactions.get(target, []), lambda one: _shape(call.world, one))


def _issue(call: Call, access: Access) -> tuple[Repository, str]:
    repo = call.repository(("issues", access), ("pull_requests", access))
    found = repo.issues.get(call.params["number"])
    if found is None:
        raise not_found()
    _by_kind(call, repo, found, access)
    return repo, f"issue {found.number}"


def _comment(call: Call, access: Access) -> tuple[Repository, str]:
    repo = call.repository(("issues", access), ("pull_requests", access))
    found = call.world.state.comment(repo, call.params["comment_id"])
    if found is None:
        raise not_found()
    _by_kind(call, repo, found[0], access)
    return repo, f"comment {found[1].id}"


def _review_comment(call: Call, access: Access) -> tuple[Repository, str]:
    repo = call.repository(("pull_requests", access))
    number = call.params["comment_id"]
    if all(one.id != number for issue in repo.issues.values() for one in issue.review_comments):
        raise not_found()
    return repo, f"review comment {number}"


def _by_kind(call: Call, repo: Repository, issue: Issue, access: Access) -> None:
    if issue.pull is None:
        call.authorize(repo, ("issues", access))


def _shape(world: World, found: Reaction) -> Json:
    return {
        "id": found.id, "node_id": node_id("Reaction", found.id), "user": user(world, found.user), "content": found.content,
        "created_at": iso(found.created_at),
    }


_REPO = "/repos/{owner}/{repo}"

ENDPOINTS = [
    Endpoint("POST", f"{_REPO}/issues/{{number:int}}/reactions", react_to_issue),
    Endpoint("GET", f"{_REPO}/issues/{{number:int}}/reactions", list_of_issue),
    Endpoint("POST", f"{_REPO}/issues/comments/{{comment_id:int}}/reactions", react_to_comment),
    Endpoint("GET", f"{_REPO}/issues/comments/{{comment_id:int}}/reactions", list_of_comment),
    Endpoint("POST", f"{_REPO}/pulls/comments/{{comment_id:int}}/reactions", react_to_review_comment),
]
