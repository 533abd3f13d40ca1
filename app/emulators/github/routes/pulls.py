"""Pull requests and their files. https://docs.github.com/rest/pulls/pulls"""

from __future__ import annotations

from typing import Literal

from app.emulators.github import issues, merging, pulls, store, trees
from app.emulators.github.call import Access, Answer, Body, Call, Need
from app.emulators.github.dispatch import Endpoint
from app.emulators.github.problems import Problem, invalid, not_found
from app.emulators.github.shapes import pull as shapes
from app.emulators.github.shapes import review as review_shapes
from app.emulators.github.shapes.commit import commit as commit_shape
from app.emulators.github.state import Issue, Pull, Repository, Role

READ: Need = ("pull_requests", "read")
WRITE: Need = ("pull_requests", "write")


class NewPull(Body):
    """A pull request to open."""

    title: str
    head: str
    base: str
    body: str | None = None
    draft: bool = False


class PullUpdate(Body):
    """What should change of a pull request; what is not named stays."""

    title: str | None = None
    body: str | None = None
    state: Literal["open", "closed"] | None = None
    base: str | None = None


class Merge(Body):
    """How to merge; `sha` is the head that was looked at."""

    commit_title: str | None = None
    sha: str | None = None
    merge_method: Literal["merge"] = "merge"


def list_pulls(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/pulls, newest first; `state`, `head` (`owner:branch`) and `base` narrow it."""
    repo = call.repository(READ)
    state = call.query.get("state", "open")
    found = [
        one for one in reversed(repo.issues.values())
        if one.pull and state in ("all", one.state) and _wanted(one.pull, call.query.get("head"), call.query.get("base"))
    ]
    return call.page(found, lambda one: shapes.pull_simple(call.world, repo, one))


def create_pull(call: Call) -> Answer:
    """POST /repos/{owner}/{repo}/pulls."""
    repo = call.repository(WRITE)
    asked = call.read(NewPull)
    made = pulls.create(
        call.world, repo, call.actor, title=asked.title, head=asked.head, base=asked.base, body=asked.body,
        draft=asked.draft, via_app=call.via_app,
    )
    shape = shapes.pull(call.world, repo, made)
    return Answer(201, shape, {"location": shape["url"]})


def get_pull(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/pulls/{number}."""
    repo, found, _ = _pull(call, "read")
    return Answer(200, shapes.pull(call.world, repo, found))


def update_pull(call: Call) -> Answer:
    """PATCH /repos/{owner}/{repo}/pulls/{number}."""
    repo, found, _ = _pull(call, "write", role="write")
    asked = call.read(PullUpdate)
    if asked.title is not None and not asked.title.strip():
        raise invalid("PullRequest", "title", "missing_field")
    issues.edit(call.world, repo, found, call.actor, title=asked.title, body=asked.body)
    if asked.base is not None:
        pulls.retarget(call.world, repo, found, call.actor, asked.base)
    if asked.state is not None:
        issues.set_state(call.world, repo, found, call.actor, asked.state)
    return Answer(200, shapes.pull(call.world, repo, found))


def list_files(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/pulls/{number}/files."""
    repo, found, pull = _pull(call, "read")
    changed = trees.changes(repo.path, pull.base_sha, pull.head_sha)
    return call.page(changed, lambda one: shapes.changed_file(call.world, repo, found, one))


def list_commits(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/pulls/{number}/commits, oldest first."""
    repo, _, pull = _pull(call, "read")
    found = store.commits_between(repo.path, pull.base_sha, pull.head_sha)
    return call.page(found, lambda sha: commit_shape(call.world, repo, store.read_commit(repo.path, sha)))


def list_review_comments(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/pulls/{number}/reviews/{review_id}/comments, oldest first."""
    repo, found, _ = _pull(call, "read")
    if all(review.id != call.params["review_id"] for review in found.reviews):
        raise not_found()
    of_it = [one for one in found.review_comments if one.review_id == call.params["review_id"]]
    return call.page(of_it, lambda one: review_shapes.review_comment(call.world, repo, found, one))


def merge_pull(call: Call) -> Answer:
    """PUT /repos/{owner}/{repo}/pulls/{number}/merge, by a merge commit."""
    repo = call.repository(("contents", "write"), role="write")
    found = repo.issues.get(call.params["number"])
    if found is None or found.pull is None:
        raise not_found()
    asked = call.read(Merge)
    if asked.sha is not None and asked.sha != found.pull.head_sha:
        raise Problem(409, "Head branch was modified. Review and try the merge again.")
    sha = merging.merge(call.world, repo, found, call.actor, asked.commit_title)
    return Answer(200, {"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


def _pull(call: Call, access: Access, role: Role = "read") -> tuple[Repository, Issue, Pull]:
    repo = call.repository(("pull_requests", access))
    found = repo.issues.get(call.params["number"])
    if found is None or found.pull is None:
        raise not_found()
    own = found.user is call.caller.person
    call.authorize(repo, ("pull_requests", access), role="read" if own else role)
    return repo, found, found.pull


def _wanted(pull: Pull, head: str | None, base: str | None) -> bool:
    if base and pull.base_ref != base:
        return False
    # A head without its owner narrows nothing on GitHub; callers rely on it at their peril, here too.
    if head and ":" in head:
        return head == f"{pull.head_repo.owner.login}:{pull.head_ref}"
    return True


_PULLS = "/repos/{owner}/{repo}/pulls"

ENDPOINTS = [
    Endpoint("GET", _PULLS, list_pulls),
    Endpoint("POST", _PULLS, create_pull),
    Endpoint("GET", f"{_PULLS}/{{number:int}}", get_pull),
    Endpoint("GET", f"{_PULLS}/{{number:int}}/reviews/{{review_id:int}}/comments", list_review_comments),
    Endpoint("PATCH", f"{_PULLS}/{{number:int}}", update_pull),
    Endpoint("GET", f"{_PULLS}/{{number:int}}/files", list_files),
    Endpoint("GET", f"{_PULLS}/{{number:int}}/commits", list_commits),
    Endpoint("PUT", f"{_PULLS}/{{number:int}}/merge", merge_pull),
]
