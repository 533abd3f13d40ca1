"""Issues, their labels and their comments; a pull request's conversation is reached the same way.

Which permission: https://docs.github.com/rest/authentication/permissions-required-for-github-apps
"""

from __future__ import annotations

from typing import Literal

from app.emulators.github import issues
from app.emulators.github.call import Access, Answer, Body, Call, Need
from app.emulators.github.dispatch import Endpoint
from app.emulators.github.problems import Problem, invalid, not_found
from app.emulators.github.shapes import issue as shapes
from app.emulators.github.state import ROLES, Comment, Issue, Repository, Role, User


class NewIssue(Body):
    """An issue to open; `labels` are names, or objects with a name."""

    title: str
    body: str | None = None
    labels: list[str | dict[str, object]] = []
    assignees: list[str] = []


class IssueUpdate(Body):
    """What should change of an issue; what is not named stays."""

    title: str | None = None
    body: str | None = None
    state: Literal["open", "closed"] | None = None
    state_reason: str | None = None
    labels: list[str | dict[str, object]] | None = None
    assignees: list[str] | None = None


class Labels(Body):
    """Labels to put on."""

    labels: list[str]


class CommentText(Body):
    """The words of a comment."""

    body: str


def list_issues(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/issues: pull requests too, newest first; `state`, `labels` and `creator` narrow it."""
    repo = call.repository(("issues", "read"), ("pull_requests", "read"))
    state = call.query.get("state", "open")
    names = {name for name in call.query.get("labels", "").split(",") if name}
    found = [
        one for one in reversed(repo.issues.values())
        if state in ("all", one.state) and names <= {label.name for label in one.labels}
        and call.query.get("creator", one.user.login).lower() == one.user.login.lower()
    ]
    return call.page(found, lambda one: shapes.issue(call.world, repo, one))


def create_issue(call: Call) -> Answer:
    """POST /repos/{owner}/{repo}/issues. Labels and assignees of somebody without triage access are dropped."""
    repo = call.repository(("issues", "write"))
    asked = call.read(NewIssue)
    person = call.caller.person
    may_triage = person is None or ROLES.index(repo.role_of(person)) >= ROLES.index("triage")
    names = _names(asked.labels) if may_triage else []
    made = issues.create(call.world, repo, call.actor, asked.title, asked.body, names, via_app=call.via_app)
    if may_triage and asked.assignees:
        issues.assign(call.world, repo, made, call.actor, _assignees(call, asked.assignees))
    return Answer(201, shapes.issue(call.world, repo, made), {"location": f"{call.world.repo_api(repo)}/issues/{made.number}"})


def get_issue(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/issues/{number}."""
    repo, issue = _issue(call, "read")
    return Answer(200, shapes.issue(call.world, repo, issue))


def update_issue(call: Call) -> Answer:
    """PATCH /repos/{owner}/{repo}/issues/{number}."""
    repo, issue = _issue(call, "write", role="triage", or_author=True)
    asked = call.read(IssueUpdate)
    actor = call.actor
    if asked.title is not None and not asked.title.strip():
        raise invalid("Issue", "title", "missing_field")
    issues.edit(call.world, repo, issue, actor, title=asked.title, body=asked.body)
    if asked.labels is not None:
        issues.set_labels(call.world, repo, issue, actor, _names(asked.labels))
    if asked.assignees is not None:
        issues.assign(call.world, repo, issue, actor, _assignees(call, asked.assignees))
    if asked.state is not None:
        issues.set_state(call.world, repo, issue, actor, asked.state, asked.state_reason)
    return Answer(200, shapes.issue(call.world, repo, issue))


def list_labels(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/issues/{number}/labels."""
    repo, issue = _issue(call, "read")
    return call.page(issue.labels, lambda one: shapes.label(call.world, repo, one))


def add_labels(call: Call) -> Answer:
    """POST /repos/{owner}/{repo}/issues/{number}/labels."""
    repo, issue = _issue(call, "write", role="triage")
    issues.add_labels(call.world, repo, issue, call.actor, call.read(Labels, bare_list_as="labels").labels)
    return Answer(200, [shapes.label(call.world, repo, one) for one in issue.labels])


def set_labels(call: Call) -> Answer:
    """PUT /repos/{owner}/{repo}/issues/{number}/labels."""
    repo, issue = _issue(call, "write", role="triage")
    issues.set_labels(call.world, repo, issue, call.actor, call.read(Labels, bare_list_as="labels").labels)
    return Answer(200, [shapes.label(call.world, repo, one) for one in issue.labels])


def remove_label(call: Call) -> Answer:
    """DELETE /repos/{owner}/{repo}/issues/{number}/labels/{name}."""
    repo, issue = _issue(call, "write", role="triage")
    if not issues.remove_label(call.world, repo, issue, call.actor, call.params["name"]):
        raise Problem(404, "Label does not exist")
    return Answer(200, [shapes.label(call.world, repo, one) for one in issue.labels])


def list_repository_labels(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/labels."""
    repo = call.repository(("issues", "read"), ("pull_requests", "read"))
    return call.page(list(repo.labels.values()), lambda one: shapes.label(call.world, repo, one))


def list_comments(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/issues/{number}/comments, oldest first."""
    repo, issue = _issue(call, "read")
    return call.page(issue.comments, lambda one: shapes.comment(call.world, repo, issue, one))


def create_comment(call: Call) -> Answer:
    """POST /repos/{owner}/{repo}/issues/{number}/comments."""
    repo, issue = _issue(call, "write")
    text = call.read(CommentText).body
    made = issues.comment(call.world, repo, issue, call.actor, text, via_app=call.via_app)
    shape = shapes.comment(call.world, repo, issue, made)
    return Answer(201, shape, {"location": shape["url"]})


def get_comment(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/issues/comments/{comment_id}."""
    repo, issue, comment = _comment(call, "read")
    return Answer(200, shapes.comment(call.world, repo, issue, comment))


def update_comment(call: Call) -> Answer:
    """PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}."""
    repo, issue, comment = _comment(call, "write")
    issues.edit_comment(call.world, repo, issue, call.actor, comment, call.read(CommentText).body)
    return Answer(200, shapes.comment(call.world, repo, issue, comment))


def delete_comment(call: Call) -> Answer:
    """DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}."""
    repo, issue, comment = _comment(call, "write")
    issues.delete_comment(call.world, repo, issue, call.actor, comment)
    return Answer(204)


def _needs(issue: Issue | None, access: Access) -> tuple[Need, ...]:
    """A pull request's conversation opens to either permission, an issue only to its own."""
    both: tuple[Need, ...] = (("issues", access), ("pull_requests", access))
    return both if issue is None or issue.pull else both[:1]


def _issue(call: Call, access: Access, role: Role = "read", *, or_author: bool = False) -> tuple[Repository, Issue]:
    # First whether the caller may know the repository at all, then the issue's own rule.
    repo = call.repository(*_needs(None, access))
    issue = repo.issues.get(call.params["number"])
    if issue is None:
        raise not_found()
    call.accepted = _needs(issue, access)
    own = or_author and issue.user is call.caller.person
    call.authorize(repo, *call.accepted, role="read" if own else role)
    return repo, issue


def _comment(call: Call, access: Access) -> tuple[Repository, Issue, Comment]:
    repo = call.repository(*_needs(None, access))
    found = call.world.state.comment(repo, call.params["comment_id"])
    if found is None:
        raise not_found()
    issue, comment = found
    call.accepted = _needs(issue, access)
    own = access == "read" or comment.user is call.caller.person
    call.authorize(repo, *call.accepted, role="read" if own else "write")
    return repo, issue, comment


def _names(labels: list[str | dict[str, object]]) -> list[str]:
    return [label if isinstance(label, str) else str(label.get("name", "")) for label in labels]


def _assignees(call: Call, logins: list[str]) -> list[User]:
    found = [call.world.state.user(login) for login in logins]
    if None in found:
        raise invalid("Issue", "assignees", "invalid")
    return [one for one in found if one is not None]


_ISSUES = "/repos/{owner}/{repo}/issues"

ENDPOINTS = [
    Endpoint("GET", _ISSUES, list_issues),
    Endpoint("POST", _ISSUES, create_issue),
    Endpoint("GET", f"{_ISSUES}/comments/{{comment_id:int}}", get_comment),
    Endpoint("PATCH", f"{_ISSUES}/comments/{{comment_id:int}}", update_comment),
    Endpoint("DELETE", f"{_ISSUES}/comments/{{comment_id:int}}", delete_comment),
    Endpoint("GET", f"{_ISSUES}/{{number:int}}", get_issue),
    Endpoint("PATCH", f"{_ISSUES}/{{number:int}}", update_issue),
    Endpoint("GET", f"{_ISSUES}/{{number:int}}/labels", list_labels),
    Endpoint("POST", f"{_ISSUES}/{{number:int}}/labels", add_labels),
    Endpoint("PUT", f"{_ISSUES}/{{number:int}}/labels", set_labels),
    Endpoint("DELETE", f"{_ISSUES}/{{number:int}}/labels/{{name:path}}", remove_label),
    Endpoint("GET", f"{_ISSUES}/{{number:int}}/comments", list_comments),
    Endpoint("POST", f"{_ISSUES}/{{number:int}}/comments", create_comment),
    Endpoint("GET", "/repos/{owner}/{repo}/labels", list_repository_labels),
]
