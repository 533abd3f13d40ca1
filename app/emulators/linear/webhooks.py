"""Which happenings the app hears of, and the bodies it gets.

Envelopes: the `...WebhookPayload` types of Linear's schema; https://linear.app/developers/webhooks and
https://linear.app/developers/agent-interaction
"""

from __future__ import annotations

from typing import Any

from app.emulators.linear.prompt_context import prompt_context
from app.emulators.linear.shapes import payload
from app.emulators.linear.shapes.payload import Json
from app.emulators.linear.state import Activity, AgentSession, Comment, Issue, Team, User, new_id
from app.emulators.linear.world import World, iso


def tell_issue(world: World, action: str, issue: Issue, by: User, updated_from: Json | None = None) -> None:
    """Send `Issue`; `updated_from` has what the changed members were."""
    body = _entity(world, "Issue", action, payload.issue(world, issue), by, world.issue_url(issue), updated_from)
    _send(world, body, issue.team)


def tell_comment(world: World, action: str, comment: Comment, updated_from: Json | None = None, *, by: User | None = None) -> None:
    """Send `Comment`; nobody is the actor where Linear itself wrote it."""
    body = _entity(world, "Comment", action, payload.comment(world, comment), by or comment.user, world.comment_url(comment), updated_from)
    if comment.user is None and comment.bot != "linear":
        body["actor"] = payload.integration(comment.bot)
    _send(world, body, comment.issue.team)


def tell_session_created(world: World, session: AgentSession, status: str) -> None:
    """Send `AgentSessionEvent` created, with all that the app may build its prompt of."""
    thread = world.state.thread(session.root) if session.root else []
    is_reply = session.source is not None and session.source is not session.root
    rules = payload.guidance(world, session.issue.team)
    _send(world, {
        **_session_event(world, "created", session, status),
        # Only where the app was mentioned in a reply, says the schema.
        "previousComments": [payload.comment_child(one) for one in thread if one is not session.source] if is_reply else None,
        "guidance": rules or None,
        "promptContext": prompt_context(world, session),
    }, session.issue.team)


def tell_prompted(world: World, activity: Activity, status: str) -> None:
    """Send `AgentSessionEvent` prompted."""
    session = activity.session
    _send(world, {**_session_event(world, "prompted", session, status), "agentActivity": payload.activity(world, activity)}, session.issue.team)


def notify(world: World, action: str, issue: Issue, by: User, comment: Comment | None = None) -> None:
    """Send `AppUserNotification`: what would be in the app user's inbox."""
    now = world.now()
    notification: Json = {
        "id": new_id(), "createdAt": iso(now), "updatedAt": iso(now), "archivedAt": None, "type": action, "userId": world.client.user.id,
        "actorId": by.id, "actor": payload.user(world, by), "externalUserActorId": None,
        "issueId": issue.id, "issue": payload.issue_child(world, issue, described=True),
    }
    if comment:
        notification |= {"commentId": comment.id, "comment": payload.comment_child(comment)}
        if comment.parent:
            notification |= {"parentCommentId": comment.parent.id, "parentComment": payload.comment_child(comment.parent)}
    _send(world, {**_app(world, "AppUserNotification", action), "notification": notification}, issue.team)


def tell_team_access(world: World, added: list[Team], removed: list[Team]) -> None:
    """Send `PermissionChange` teamAccessChanged."""
    _send(world, {
        **_app(world, "PermissionChange", "teamAccessChanged"), "canAccessAllPublicTeams": world.client.team_ids is None,
        "addedTeamIds": [team.id for team in added], "removedTeamIds": [team.id for team in removed],
    }, None)


def tell_revoked(world: World) -> None:
    """Send `OAuthApp` revoked: the last thing that an app hears of a workspace."""
    body = _app(world, "OAuthApp", "revoked")
    del body["appUserId"]
    _send(world, body, None)


def _send(world: World, body: Json, team: Team | None) -> None:
    if not world.client.installed or not world.webhook.enabled or body["type"] not in world.webhook.resource_types:
        return
    if team is not None and world.client.team_ids is not None and team.id not in world.client.team_ids:
        return
    world.deliveries.send(world.webhook, body["type"], body, world.now())


def _envelope(world: World, kind: str, action: str) -> Json:
    # `webhookTimestamp` is set when it is posted.
    return {
        "type": kind, "action": action, "createdAt": iso(world.now()), "organizationId": world.state.organization.id,
        "webhookId": world.webhook.id, "webhookTimestamp": 0,
    }


def _app(world: World, kind: str, action: str) -> Json:
    return {**_envelope(world, kind, action), "oauthClientId": world.client.id, "appUserId": world.client.user.id}


def _session_event(world: World, action: str, session: AgentSession, status: str) -> Json:
    return {**_app(world, "AgentSessionEvent", action), "agentSession": payload.session(world, session, status)}


def _entity(world: World, kind: str, action: str, data: Json, by: User | None, url: str, updated_from: Any) -> Json:
    shape = {**_envelope(world, kind, action), "url": url, "actor": payload.actor(world, by) if by else None, "data": data}
    return shape | ({"updatedFrom": updated_from} if updated_from is not None else {})
