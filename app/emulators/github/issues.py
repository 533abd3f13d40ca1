"""What can happen to an issue or to a pull request's conversation; every verb rings the webhook it should.

The caller holds the lock and has checked who may.
"""

from __future__ import annotations

from typing import Literal

from app.emulators.github import workflows
from app.emulators.github.problems import invalid
from app.emulators.github.shapes import issue as issue_shapes
from app.emulators.github.shapes import pull as pull_shapes
from app.emulators.github.shapes.account import Json, user
from app.emulators.github.state import Comment, Issue, Label, Repository, User
from app.emulators.github.webhooks import tell
from app.emulators.github.world import World


def create(
    world: World, repo: Repository, author: User, title: str, body: str | None = None,
    labels: list[str] | None = None, *, via_app: bool = False, quiet: bool = False,
) -> Issue:
    """Open an issue; `quiet` is for seeds and rings nothing."""
    if not title.strip():
        raise invalid("Issue", "title", "missing_field")
    now = world.now()
    issue = Issue(
        id=world.state.new_id(), number=len(repo.issues) + 1, title=title, body=body, user=author,
        created_at=now, updated_at=now, via_app=via_app, labels=[label(world, repo, name) for name in labels or []],
    )
    repo.issues[issue.number] = issue
    if not quiet:
        tell_issue(world, repo, issue, "opened", author)
        for added in issue.labels:
            tell_issue(world, repo, issue, "labeled", author, {"label": issue_shapes.label(world, repo, added)})
    return issue


def label(world: World, repo: Repository, name: str) -> Label:
    """Return the repository's label of that name (whatever its case); one that is not there yet is made."""
    for found in repo.labels.values():
        if found.name.lower() == name.lower():
            return found
    repo.labels[name] = Label(world.state.new_id(), name)
    return repo.labels[name]


def add_labels(world: World, repo: Repository, issue: Issue, actor: User, names: list[str]) -> None:
    """Put labels on; those that are there already ring nothing."""
    for name in names:
        added = label(world, repo, name)
        if added not in issue.labels:
            issue.labels.append(added)
            issue.updated_at = world.now()
            tell_issue(world, repo, issue, "labeled", actor, {"label": issue_shapes.label(world, repo, added)})


def remove_label(world: World, repo: Repository, issue: Issue, actor: User, name: str) -> bool:
    """Take a label off; return whether it was on."""
    removed = next((found for found in issue.labels if found.name.lower() == name.lower()), None)
    if removed is None:
        return False
    issue.labels.remove(removed)
    issue.updated_at = world.now()
    tell_issue(world, repo, issue, "unlabeled", actor, {"label": issue_shapes.label(world, repo, removed)})
    return True


def set_labels(world: World, repo: Repository, issue: Issue, actor: User, names: list[str]) -> None:
    """Make the labels exactly these."""
    wanted = {name.lower() for name in names}
    for found in list(issue.labels):
        if found.name.lower() not in wanted:
            remove_label(world, repo, issue, actor, found.name)
    add_labels(world, repo, issue, actor, names)


def comment(
    world: World, repo: Repository, issue: Issue, author: User, body: str, *, via_app: bool = False
) -> Comment:
    """Write a comment."""
    if not body.strip():
        raise invalid("IssueComment", "body", "missing_field")
    now = world.now()
    written = Comment(world.state.new_id(), author, body, now, now, via_app)
    issue.comments.append(written)
    issue.updated_at = now
    workflows.commented(world, repo, "created", author)
    tell(world, "issue_comment", "created", repo, author, _comment_body(world, repo, issue, written))
    return written


def edit_comment(world: World, repo: Repository, issue: Issue, actor: User, written: Comment, body: str) -> None:
    """Change a comment's words."""
    if not body.strip():
        raise invalid("IssueComment", "body", "missing_field")
    changes = {"body": {"from": written.body}}
    written.body, written.updated_at = body, world.now()
    tell(
        world, "issue_comment", "edited", repo, actor,
        {"changes": changes, **_comment_body(world, repo, issue, written)},
    )


def delete_comment(world: World, repo: Repository, issue: Issue, actor: User, written: Comment) -> None:
    """Remove a comment."""
    tell(world, "issue_comment", "deleted", repo, actor, _comment_body(world, repo, issue, written))
    issue.comments.remove(written)


def edit(
    world: World, repo: Repository, issue: Issue, actor: User, *, title: str | None = None, body: str | None = None
) -> None:
    """Change title or body; what is None or the same stays and rings nothing."""
    changes: Json = {}
    if title is not None and title != issue.title:
        changes["title"] = {"from": issue.title}
        issue.title = title
    if body is not None and body != issue.body:
        changes["body"] = {"from": issue.body or ""}
        issue.body = body
    if changes:
        issue.updated_at = world.now()
        tell_issue(world, repo, issue, "edited", actor, {"changes": changes})


def set_state(
    world: World, repo: Repository, issue: Issue, actor: User, state: Literal["open", "closed"],
    reason: str | None = None,
) -> None:
    """Close or reopen; a state that it has already rings nothing."""
    if state == issue.state:
        return
    issue.state = state
    issue.updated_at = world.now()
    issue.closed_at = world.now() if state == "closed" else None
    issue.state_reason = (reason or "completed") if state == "closed" else "reopened"
    if issue.pull:
        issue.state_reason = None
    tell_issue(world, repo, issue, "closed" if state == "closed" else "reopened", actor)


def assign(world: World, repo: Repository, issue: Issue, actor: User, assignees: list[User]) -> None:
    """Make the assignees exactly these."""
    gone = [one for one in issue.assignees if one not in assignees]
    new = [one for one in assignees if one not in issue.assignees]
    issue.assignees = list(assignees)
    for action, accounts in (("unassigned", gone), ("assigned", new)):
        for account in accounts:
            tell_issue(world, repo, issue, action, actor, {"assignee": user(world, account)})


def tell_issue(
    world: World, repo: Repository, issue: Issue, action: str, actor: User, more: Json | None = None
) -> None:
    """Ring `issues`, or `pull_request` when that is what it is."""
    if issue.pull is None:
        shape: Json = {"issue": issue_shapes.issue(world, repo, issue)}
        tell(world, "issues", action, repo, actor, {**shape, **(more or {})})
        return
    workflows.pull_changed(world, repo, issue, action, actor)
    shape = {"number": issue.number, "pull_request": pull_shapes.pull(world, repo, issue)}
    tell(world, "pull_request", action, repo, actor, {**shape, **(more or {})})


def _comment_body(world: World, repo: Repository, issue: Issue, written: Comment) -> Json:
    return {
        "issue": issue_shapes.issue(world, repo, issue),
        "comment": issue_shapes.comment(world, repo, issue, written),
    }
