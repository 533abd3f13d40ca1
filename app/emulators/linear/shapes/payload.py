"""Webhook payloads: the bodies of entities as Linear's `...WebhookPayload` types have them."""

from __future__ import annotations

import json
from typing import Any

from app.emulators.linear.state import Activity, AgentSession, Comment, Issue, Label, Project, Record, Team, User
from app.emulators.linear.world import World, iso, iso_or_none

Json = dict[str, Any]
PRIORITIES = ("No priority", "Urgent", "High", "Medium", "Low")


def dates(record: Record) -> Json:
    """Return id and times of any entity."""
    return {"id": record.id, "createdAt": iso(record.created_at), "updatedAt": iso(record.updated_at), "archivedAt": None}


def user(world: World, one: User) -> Json:
    """Return a user as another entity's member."""
    return {"id": one.id, "name": one.name, "email": one.email, "url": world.user_url(one), "avatarUrl": None}


def user_or_none(world: World, one: User | None) -> Json | None:
    """Return a user as another entity's member, or None."""
    return None if one is None else user(world, one)


def integration(service: str) -> Json:
    """Return an integration as who did it."""
    return {"id": service, "type": "integration", "service": service}


def actor(world: World, one: User) -> Json:
    """Return who did it. An app that acts as itself is a user too."""
    return {"id": one.id, "type": "user", **user(world, one)}


def team(one: Team) -> Json:
    """Return a team as another entity's member."""
    return {"id": one.id, "key": one.key, "name": one.name}


def label(one: Label) -> Json:
    """Return a label as an issue's member."""
    return {"id": one.id, "name": one.name, "color": one.color, "parentId": None}


def project(world: World, one: Project) -> Json:
    """Return a project as an issue's member."""
    return {"id": one.id, "name": one.name, "url": world.project_url(one)}


def issue_child(world: World, one: Issue, *, described: bool = False) -> Json:
    """Return an issue as another entity's member, with its description where Linear gives it."""
    shape = {
        "id": one.id, "identifier": one.identifier, "title": one.title, "teamId": one.team.id, "team": team(one.team),
        "url": world.issue_url(one),
    }
    return shape | ({"description": one.description} if described else {})


def issue(world: World, one: Issue) -> Json:
    """Return an issue whole."""
    return {
        **dates(one), "number": one.number, "identifier": one.identifier, "title": one.title, "description": one.description,
        "priority": one.priority, "priorityLabel": PRIORITIES[one.priority], "prioritySortOrder": float(-one.number),
        "sortOrder": float(one.number), "reactionData": [],
        "startedAt": iso_or_none(one.started_at), "completedAt": iso_or_none(one.completed_at), "canceledAt": iso_or_none(one.canceled_at),
        "labelIds": [each.id for each in one.labels], "labels": [label(each) for each in one.labels],
        "previousIdentifiers": [], "subscriberIds": [each.id for each in one.subscribers],
        "teamId": one.team.id, "team": team(one.team),
        "stateId": one.state.id,
        "state": {"id": one.state.id, "name": one.state.name, "color": one.state.color, "type": one.state.type},
        "projectId": one.project.id if one.project else None, "project": project(world, one.project) if one.project else None,
        "creatorId": one.creator.id, "creator": user(world, one.creator),
        "assigneeId": one.assignee.id if one.assignee else None, "assignee": user_or_none(world, one.assignee),
        "delegateId": one.delegate.id if one.delegate else None, "delegate": user_or_none(world, one.delegate),
        "url": world.issue_url(one),
    }


def comment_child(one: Comment) -> Json:
    """Return a comment as another entity's member."""
    return {"id": one.id, "body": one.body, "userId": one.user.id if one.user else None, "issueId": one.issue.id}


def comment(world: World, one: Comment) -> Json:
    """Return a comment whole; what a program wrote has a `botActor` for a user, as JSON in a string."""
    shape = {
        **dates(one), "body": one.body, "reactionData": [], "issueId": one.issue.id, "issue": issue_child(world, one.issue),
        "userId": one.user.id if one.user else None, "user": user_or_none(world, one.user), "editedAt": iso_or_none(one.edited_at),
        "botActor": None if one.user else json.dumps(bot(one)),
    }
    if one.parent:
        shape |= {"parentId": one.parent.id, "parent": comment_child(one.parent)}
    return shape


def bot(one: Comment) -> Json | None:
    """Return the program that wrote a comment, or None."""
    return None if one.user else {"id": one.bot, "type": one.bot, "name": one.bot.capitalize()}


def session(world: World, one: AgentSession, status: str) -> Json:
    """Return an agent session; `status` is what it is now."""
    return {
        **dates(one), "appUserId": one.app_user.id, "organizationId": world.state.organization.id,
        "creatorId": one.creator.id, "creator": user(world, one.creator),
        "issueId": one.issue.id, "issue": issue_child(world, one.issue, described=True),
        "commentId": one.root.id if one.root else None, "comment": comment_child(one.root) if one.root else None,
        "sourceCommentId": one.source.id if one.source else None,
        "status": status, "type": "commentThread", "startedAt": iso_or_none(one.started_at), "endedAt": iso_or_none(one.ended_at),
        "summary": None, "sourceMetadata": None, "url": session_url(world, one),
    }


def session_url(world: World, one: AgentSession) -> str:
    """Return the page's URL of an agent session."""
    return f"{world.issue_url(one.issue)}#agent-session-{one.id[:8]}"


def activity(world: World, one: Activity) -> Json:
    """Return an agent activity."""
    return {
        **dates(one), "agentSessionId": one.session.id, "sourceCommentId": one.source_comment.id if one.source_comment else None,
        "content": one.content, "signal": one.signal, "signalMetadata": one.signal_metadata,
        "userId": one.user.id, "user": user(world, one.user),
    }


def guidance(world: World, at: Team) -> list[Json]:
    """Return what workspace and team tell agents, the nearest last."""
    rules: list[Json] = []
    if world.state.organization.guidance:
        rules.append({"body": world.state.organization.guidance, "origin": {"type": "Organization"}})
    if at.guidance:
        origin = {"type": "Team", "team": {**team(at), "displayName": at.name, "parentId": None}}
        rules.append({"body": at.guidance, "origin": origin})
    return rules
