"""From a seed to records."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from app.emulators.linear.seed import Seed, SeedIssue, SeedProject, SeedTeam, SeedUser
from app.emulators.linear.state import (
    AccessToken,
    Client,
    Issue,
    Label,
    Organization,
    Project,
    State,
    Team,
    User,
    Webhook,
    WorkflowState,
    new_id,
    put,
)
from app.errors import ConfigurationError


def plant(seed: Seed, now: datetime) -> tuple[State, Client, Webhook]:
    """Return the records of a seed. Raises ConfigurationError for one that contradicts itself."""
    state = State(Organization(**_born(seed.organization_id, now), name=seed.organization, url_key=seed.organization, guidance=seed.guidance))
    app_user = put(state.users, User(
        **_born(seed.app.user_id, now), name=seed.app.name, display_name=seed.app.user, email=f"{seed.app.user}@oauthapp.linear.app", app=True,
    ))
    for user in seed.users:
        add_user(state, user, now)
    for name in seed.labels:
        put(state.labels, Label(**_born(None, now), name=name))
    for team in seed.teams:
        add_team(state, team, now)
    for project in seed.projects:
        add_project(state, project, now)
    for issue in seed.issues:
        _add_issue(state, issue, now)
    client = Client(
        seed.app.client_id, seed.app.client_secret, seed.app.name, seed.app.redirect_uris, seed.app.client_credentials, app_user,
        scopes=frozenset(seed.app.scopes) if seed.app.installed else frozenset(),
        team_ids=None if seed.app.teams is None else {_team(state, key).id for key in seed.app.teams}, installed=seed.app.installed,
    )
    if seed.app.installed:
        token = AccessToken(
            seed.app.access_token, app_user, frozenset(seed.app.scopes),
            now + timedelta(seconds=seed.access_token_lifetime_seconds), seed.app.refresh_token,
        )
        state.access_tokens[token.value] = state.refresh_tokens[seed.app.refresh_token] = token
    webhook = Webhook(**_born(None, now), url=seed.app.webhook_url, secret=seed.app.webhook_secret, resource_types=seed.app.resource_types)
    state.webhooks[webhook.id] = webhook
    return state, client, webhook


def add_user(state: State, seed: SeedUser, now: datetime) -> User:
    """Make a person. Raises ConfigurationError where the name is taken."""
    if state.user_named(seed.name) is not None:
        raise ConfigurationError(f"The seed names {seed.name} twice, and people are told apart by it")
    return put(state.users, User(
        **_born(seed.id, now), name=seed.full_name or seed.name.capitalize(), display_name=seed.name,
        email=seed.email or f"{seed.name}@example.test", admin=seed.admin, guest=seed.guest, active=seed.active,
        api_key=seed.api_key or f"lin_api_{seed.name}", github_user_id=seed.github_user_id,
    ))


def add_team(state: State, seed: SeedTeam, now: datetime) -> Team:
    """Make a team with its states and labels."""
    if state.team_named(seed.key) is not None:
        raise ConfigurationError(f"The seed has two teams with the key {seed.key}")
    team = put(state.teams, Team(**_born(seed.id, now), key=seed.key, name=seed.name or seed.key, guidance=seed.guidance))
    for position, one in enumerate(seed.states):
        put(state.states, WorkflowState(**_born(None, now), team=team, name=one.name, type=one.type, position=float(position)))
    for name in seed.labels:
        put(state.labels, Label(**_born(None, now), name=name, team=team))
    return team


def add_project(state: State, seed: SeedProject, now: datetime) -> Project:
    """Make a project."""
    born = _born(seed.id, now)
    return put(state.projects, Project(
        **born, name=seed.name, teams=[_team(state, key) for key in seed.teams], description=seed.description, slug_id=born["id"][:12],
    ))


def first_state(state: State, team: Team) -> WorkflowState:
    """Return the state in which a team's new issues start: its first unstarted or backlog state."""
    states = state.states_of(team)
    order = ("unstarted", "backlog", "triage")
    return min(states, key=lambda one: (order.index(one.type) if one.type in order else 9, one.position))


def _add_issue(state: State, seed: SeedIssue, now: datetime) -> None:
    team = _team(state, seed.team)
    states = [one for one in state.states_of(team) if one.name == seed.state]
    if seed.state is not None and not states:
        raise ConfigurationError(f"The seed's issue {seed.title!r} is in the state {seed.state}, which team {team.key} does not have")
    project = next((one for one in state.projects.values() if one.name == seed.project), None)
    if seed.project is not None and project is None:
        raise ConfigurationError(f"The seed's issue {seed.title!r} is of the project {seed.project}, which the seed does not have")
    creator = _person(state, seed.creator, now)
    put(state.issues, Issue(
        **_born(seed.id, now), team=team, number=team.next_number, title=seed.title, description=seed.description, creator=creator,
        state=states[0] if states else first_state(state, team), project=project,
        assignee=_person(state, seed.assignee, now) if seed.assignee else None,
        labels=[label_named(state, team, name, now) for name in seed.labels], subscribers=[creator],
    ))
    team.next_number += 1


def label_named(state: State, team: Team, name: str, now: datetime) -> Label:
    """Return a label that the team's issues may have; one that is not there yet is made, for the team."""
    return state.label_named(team, name) or put(state.labels, Label(**_born(None, now), name=name, team=team))


def _person(state: State, name: str, now: datetime) -> User:
    return state.user_named(name) or add_user(state, SeedUser(name=name), now)


def _team(state: State, key: str) -> Team:
    found = state.team_named(key)
    if found is None:
        raise ConfigurationError(f"The seed speaks of the team {key}, and does not have it")
    return found


def _born(wanted: str | None, now: datetime) -> dict[str, Any]:
    return {"id": wanted or new_id(), "created_at": now, "updated_at": now}
