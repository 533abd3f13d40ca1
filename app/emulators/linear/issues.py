"""Issues: made, changed, assigned and delegated."""

from __future__ import annotations

from typing import Any, TypedDict

from app.emulators.linear import comments, sessions
from app.emulators.linear.plant import first_state
from app.emulators.linear.problems import invalid
from app.emulators.linear.state import Issue, Label, Project, Team, User, WorkflowState, new_id, put
from app.emulators.linear.webhooks import notify, tell_issue
from app.emulators.linear.world import World, iso, iso_or_none


class Change(TypedDict, total=False):
    """What an issue becomes; a member that is not there stays as it is."""

    title: str
    description: str | None
    priority: int
    state: WorkflowState
    project: Project | None
    assignee: User | None
    delegate: User | None
    labels: list[Label]


def create(world: World, by: User, team: Team, change: Change, *, issue_id: str | None = None) -> Issue:
    """Make an issue (`Issue` create), which may be delegated at once. Raises Problem."""
    title = change.get("title", "")
    if not title.strip():
        raise invalid("title should not be empty")
    change = _checked(world, team, change)
    now = world.now()
    issue = Issue(
        issue_id or new_id(), now, now, team, team.next_number, title, change.get("description"), by,
        change.get("state") or first_state(world.state, team), change.get("project"), change.get("assignee"), change.get("delegate"),
        change.get("priority", 0), list(change.get("labels", [])), [by],
    )
    team.next_number += 1
    put(world.state.issues, issue)
    _date_state(world, issue)
    tell_issue(world, "create", issue, by)
    if not by.app and issue.description and comments.mentions_app(world, issue.description):
        notify(world, "issueMention", issue, by)
    _delegated(world, issue, None, by)
    return issue


def edit(world: World, issue: Issue, by: User, change: Change) -> None:
    """Change an issue (`Issue` update with `updatedFrom`); what is the same already rings nothing. Raises Problem."""
    change = _checked(world, issue.team, change)
    differs = {name: value for name, value in change.items() if getattr(issue, name) != value}
    if not differs:
        return
    updated_from: dict[str, Any] = {"updatedAt": iso(issue.updated_at)}
    delegate, dated = issue.delegate, ("started_at", "completed_at", "canceled_at")
    before = {name: getattr(issue, name) for name in dated}
    for name, value in differs.items():
        wire, was = _wire(name, getattr(issue, name))
        updated_from[wire] = was
        setattr(issue, name, value)
    if "state" in differs:
        _date_state(world, issue)
        for name, wire in zip(dated, ("startedAt", "completedAt", "canceledAt"), strict=True):
            if before[name] != getattr(issue, name):
                updated_from[wire] = iso_or_none(before[name])
    issue.updated_at = world.now()
    tell_issue(world, "update", issue, by, updated_from)
    if "delegate" in differs:
        _delegated(world, issue, delegate, by)


def _checked(world: World, team: Team, change: Change) -> Change:
    change = change.copy()
    assignee, delegate = change.get("assignee"), change.get("delegate")
    # https://linear.app/docs/agents-in-linear: an agent is never responsible; whoever assigns it an issue delegates it.
    if assignee is not None and assignee.app:
        del change["assignee"]
        change["delegate"] = delegate = assignee
    if delegate is not None and not (delegate.app and world.client.installed and "app:assignable" in world.client.scopes):
        raise invalid("delegateId must be an app user that issues can be delegated to")
    state, project = change.get("state"), change.get("project")
    if state is not None and state.team is not team:
        raise invalid("stateId must be a workflow state of the issue's team")
    if project is not None and team not in project.teams:
        raise invalid("projectId must be a project of the issue's team")
    if any(label.team not in (None, team) for label in change.get("labels", [])):
        raise invalid("labelIds must be labels of the workspace or of the issue's team")
    return change


def _delegated(world: World, issue: Issue, before: User | None, by: User) -> None:
    """Tell the app of a delegation by somebody else, and begin a session; what it does itself it knows."""
    app = world.client.user
    if by is app:
        return
    if before is app:
        notify(world, "issueUnassignedFromYou", issue, by)
    if issue.delegate is app:
        notify(world, "issueAssignedToYou", issue, by)
        sessions.begin_by_delegation(world, issue, by)


def _wire(name: str, value: Any) -> tuple[str, Any]:
    if name == "labels":
        return "labelIds", [label.id for label in value]
    if name in ("title", "description", "priority"):
        return name, value
    return f"{name}Id", value.id if value else None


def _date_state(world: World, issue: Issue) -> None:
    kind, now = issue.state.type, world.now()
    if kind == "started":
        issue.started_at = issue.started_at or now
    issue.completed_at = (issue.completed_at or now) if kind == "completed" else None
    issue.canceled_at = (issue.canceled_at or now) if kind == "canceled" else None
