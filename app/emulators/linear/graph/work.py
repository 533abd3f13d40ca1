"""GraphQL nodes of the work itself: issues, comments and attachments."""

from __future__ import annotations

import re

from app.emulators.linear.graph import agent, people
from app.emulators.linear.graph.view import Json, View
from app.emulators.linear.shapes.payload import PRIORITIES, bot, dates
from app.emulators.linear.state import Attachment, Comment, Issue
from app.emulators.linear.world import iso_or_none


def seen(view: View) -> list[Issue]:
    """Return the issues that exist for the caller."""
    return [one for one in view.state.issues.values() if view.caller.sees(one.team)]


def issue(view: View, one: Issue) -> Json:
    """Return an `Issue`."""
    state = view.state
    return {
        "__typename": "Issue", **dates(one), "identifier": one.identifier, "number": float(one.number), "title": one.title,
        "description": one.description, "url": view.world.issue_url(one),
        "branchName": f"{view.caller.user.display_name}/{one.identifier.lower()}-{re.sub(r'[^a-z0-9]+', '-', one.title.lower()).strip('-')}",
        "priority": float(one.priority), "priorityLabel": PRIORITIES[one.priority], "prioritySortOrder": float(-one.number),
        "sortOrder": float(one.number), "previousIdentifiers": [], "reactionData": {},
        "startedAt": iso_or_none(one.started_at), "completedAt": iso_or_none(one.completed_at), "canceledAt": iso_or_none(one.canceled_at),
        "labelIds": [each.id for each in one.labels],
        "team": lambda *_: people.team(view, one.team),
        "state": lambda *_: people.workflow_state(view, one.state),
        "project": lambda *_: people.project(view, one.project) if one.project else None,
        "assignee": lambda *_: people.user_or_none(view, one.assignee),
        "delegate": lambda *_: people.user_or_none(view, one.delegate),
        "creator": lambda *_: people.user(view, one.creator),
        "labels": lambda *_, **args: view.page(one.labels, people.label, args),
        "comments": lambda *_, **args: view.page(state.comments_of(one), comment, args),
        "attachments": lambda *_, **args: view.page((each for each in state.attachments.values() if each.issue is one), attachment, args),
        "agentSessions": lambda *_, **args: view.page((each for each in state.sessions.values() if each.issue is one), agent.session, args),
        "subscribers": lambda *_, **args: view.page(one.subscribers, people.user, args),
    }


def comment(view: View, one: Comment) -> Json:
    """Return a `Comment`."""
    sessions = view.state.sessions_on(one)
    return {
        "__typename": "Comment", **dates(one), "body": one.body, "issueId": one.issue.id, "parentId": one.parent.id if one.parent else None,
        "url": view.world.comment_url(one), "editedAt": iso_or_none(one.edited_at), "reactionData": {}, "quotedText": None,
        "isArtificialAgentSessionRoot": one.user is None and bool(sessions), "botActor": bot(one),
        "issue": lambda *_: issue(view, one.issue),
        "parent": lambda *_: comment(view, one.parent) if one.parent else None,
        "user": lambda *_: people.user_or_none(view, one.user),
        "children": lambda *_, **args: view.page((each for each in view.state.thread(one) if each.parent is one), comment, args),
        "agentSession": lambda *_: agent.session(view, sessions[-1]) if sessions else None,
        "agentSessions": lambda *_, **args: view.page(sessions, agent.session, args),
    }


def attachment(view: View, one: Attachment) -> Json:
    """Return an `Attachment`."""
    return {
        "__typename": "Attachment", **dates(one), "title": one.title, "subtitle": one.subtitle, "url": one.url, "metadata": one.metadata,
        "source": None, "sourceType": "api", "groupBySource": False,
        "issue": lambda *_: issue(view, one.issue), "creator": lambda *_: people.user(view, one.creator),
    }
