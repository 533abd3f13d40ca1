"""GraphQL nodes of the workspace: users, the organization, teams with their states, labels and projects."""

from __future__ import annotations

from app.emulators.linear.graph import work
from app.emulators.linear.graph.view import Json, View
from app.emulators.linear.plant import first_state
from app.emulators.linear.shapes.payload import dates
from app.emulators.linear.state import Label, Project, Team, User, WorkflowState


def user(view: View, one: User) -> Json:
    """Return a `User`."""
    client = view.world.client
    return {
        "__typename": "User", **dates(one), "name": one.name, "displayName": one.display_name, "email": one.email, "app": one.app,
        "active": one.active and (client.installed or not one.app), "admin": one.admin, "guest": one.guest, "owner": False,
        "avatarUrl": None, "url": view.world.user_url(one), "description": None, "gitHubUserId": one.github_user_id,
        "isMe": one is view.caller.user, "supportsAgentSessions": one.app and "AgentSessionEvent" in view.world.webhook.resource_types,
        "isAssignable": not one.app or "app:assignable" in client.scopes, "isMentionable": not one.app or "app:mentionable" in client.scopes,
        "organization": lambda *_: organization(view),
        "teams": lambda *_, **args: view.page(_teams(view), team, args),
        "assignedIssues": lambda *_, **args: view.page((i for i in work.seen(view) if i.assignee is one), work.issue, args),
        "delegatedIssues": lambda *_, **args: view.page((i for i in work.seen(view) if i.delegate is one), work.issue, args),
    }


def user_or_none(view: View, one: User | None) -> Json | None:
    """Return a `User`, or None."""
    return None if one is None else user(view, one)


def organization(view: View) -> Json:
    """Return the `Organization`."""
    one = view.state.organization
    return {
        "__typename": "Organization", **dates(one), "name": one.name, "urlKey": one.url_key,
        "userCount": sum(not each.app for each in view.state.users.values()),
        "teams": lambda *_, **args: view.page(_teams(view), team, args),
        "users": lambda *_, **args: view.page(view.state.users.values(), user, args),
        "labels": lambda *_, **args: view.page((each for each in view.state.labels.values() if each.team is None), label, args),
    }


def team(view: View, one: Team) -> Json:
    """Return a `Team`."""
    return {
        "__typename": "Team", **dates(one), "key": one.key, "name": one.name, "displayName": one.name, "description": None, "visibility": "public",
        "organization": lambda *_: organization(view),
        "states": lambda *_, **args: view.page(view.state.states_of(one), workflow_state, args),
        "labels": lambda *_, **args: view.page((each for each in view.state.labels.values() if each.team in (None, one)), label, args),
        "members": lambda *_, **args: view.page((each for each in view.state.users.values() if each.active), user, args),
        "projects": lambda *_, **args: view.page((each for each in view.state.projects.values() if one in each.teams), project, args),
        "issues": lambda *_, **args: view.page((each for each in work.seen(view) if each.team is one), work.issue, args),
        "defaultIssueState": lambda *_: workflow_state(view, first_state(view.state, one)),
    }


def workflow_state(view: View, one: WorkflowState) -> Json:
    """Return a `WorkflowState`."""
    return {
        "__typename": "WorkflowState", **dates(one), "name": one.name, "type": one.type, "color": one.color, "position": one.position,
        "description": None, "team": lambda *_: team(view, one.team),
        "issues": lambda *_, **args: view.page((each for each in work.seen(view) if each.state is one), work.issue, args),
    }


def label(view: View, one: Label) -> Json:
    """Return an `IssueLabel`."""
    return {
        "__typename": "IssueLabel", **dates(one), "name": one.name, "color": one.color, "description": None, "isGroup": False, "parent": None,
        "team": lambda *_: team(view, one.team) if one.team else None,
    }


def project(view: View, one: Project) -> Json:
    """Return a `Project`."""
    return {
        "__typename": "Project", **dates(one), "name": one.name, "description": one.description, "slugId": one.slug_id,
        "url": view.world.project_url(one), "color": "#bec2c8",
        "teams": lambda *_, **args: view.page((each for each in one.teams if view.caller.sees(each)), team, args),
        "issues": lambda *_, **args: view.page((each for each in work.seen(view) if each.project is one), work.issue, args),
    }


def _teams(view: View) -> list[Team]:
    return [one for one in view.state.teams.values() if view.caller.sees(one)]
