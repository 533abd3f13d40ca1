"""Agent sessions: how they begin, what is said in them, and how they grow stale.

https://linear.app/developers/agent-interaction and https://linear.app/developers/agent-best-practices
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app.emulators.linear import activity_content
from app.emulators.linear.problems import forbidden, invalid
from app.emulators.linear.state import (
    Activity,
    AgentSession,
    Comment,
    ContentType,
    Issue,
    SessionStatus,
    Signal,
    User,
    new_id,
    put,
)
from app.emulators.linear.webhooks import notify, tell_comment, tell_prompted, tell_session_created
from app.emulators.linear.world import World

UNRESPONSIVE_AFTER_SECONDS = 10.0
STALE_AFTER_SECONDS = 1800.0

_BECOMES: dict[ContentType, SessionStatus] = {
    "thought": "active", "action": "active", "elicitation": "awaitingInput", "response": "complete", "error": "error",
}


def status_of(session: AgentSession, now: datetime) -> SessionStatus:
    """Return what a session is now: one at work that says nothing for 30 minutes is stale, until it speaks again."""
    silent = (now - (session.last_activity_at or session.created_at)).total_seconds()
    return "stale" if session.last_status in ("pending", "active") and silent >= STALE_AFTER_SECONDS else session.last_status


def is_unresponsive(session: AgentSession, now: datetime) -> bool:
    """Return whether the app let 10 s go by before it showed an activity or a link."""
    return ((session.first_sign_at or now) - session.created_at).total_seconds() > UNRESPONSIVE_AFTER_SECONDS


def begin_by_delegation(world: World, issue: Issue, by: User) -> AgentSession:
    """Begin a session because an issue was delegated: Linear opens a thread for it."""
    return _begin(world, issue, by, open_thread(world, issue), None, tell=True)


def begin_by_mention(world: World, comment: Comment) -> AgentSession:
    """Begin a session because a comment mentions the app."""
    if comment.user is None:
        raise ValueError("Linear's own comments mention nobody")
    return _begin(world, comment.issue, comment.user, comment.root, comment, tell=True)


def begin_by_app(world: World, issue: Issue, root: Comment | None) -> AgentSession:
    """Begin a session that the app itself asked for, which it is not told of."""
    return _begin(world, issue, world.client.user, root or open_thread(world, issue), None, tell=False)


def open_thread(world: World, issue: Issue) -> Comment:
    """Write the comment with which Linear opens a session's thread."""
    now = world.now()
    words = f"This thread is for an agent session with {world.client.user.display_name}."
    comment = put(world.state.comments, Comment(new_id(), now, now, issue, None, words))
    tell_comment(world, "create", comment)
    return comment


def say(
    world: World, session: AgentSession, by: User, content: dict[str, Any], *, activity_id: str | None = None, ephemeral: bool = False,
    signal: Signal | None = None, signal_metadata: dict[str, Any] | None = None,
) -> Activity:
    """Write what the app says. An id that was there before is that activity, and nothing is written. Raises Problem."""
    if by is not session.app_user:
        raise forbidden("Only the agent of a session can create activities in it")
    if found := world.state.activities.get(activity_id or ""):
        if found.session is not session:
            raise invalid("id must be one that no activity of another session has")
        return found
    activity_content.check(content, ephemeral=ephemeral, signal=signal)
    now = world.now()
    activity = Activity(activity_id or new_id(), now, now, session, by, dict(content), ephemeral, signal, signal_metadata)
    _write(world, activity, _BECOMES[activity.type])
    session.first_sign_at = session.first_sign_at or now
    session.started_at = session.started_at or now
    session.ended_at = now if activity.type in ("response", "error") else None
    if activity.type in ("elicitation", "response", "error") and session.root:
        activity.source_comment = _reply(world, session.root, by, str(content["body"]))
    return activity


def prompt(world: World, session: AgentSession, by: User, body: str, *, signal: Signal | None = None, comment: Comment | None = None) -> Activity:
    """Write what a person says to the app, and tell it. Raises Problem."""
    if by.app:
        raise forbidden("Only people can prompt an agent")
    if not body.strip():
        raise invalid("content.body should not be empty")
    now = world.now()
    activity = Activity(new_id(), now, now, session, by, {"type": "prompt", "body": body}, signal=signal, source_comment=comment)
    # A session in which the app has not spoken yet is still pending, and one that is stopped goes on until the app has said its last.
    _write(world, activity, "pending" if session.last_status == "pending" else "active")
    tell_prompted(world, activity, status_of(session, now))
    return activity


def reply(world: World, session: AgentSession, by: User, body: str) -> Activity:
    """Write a person's words into the session's thread, which prompts the app."""
    comment = _reply(world, session.root, by, body) if session.root else None
    if comment and session.issue.delegate is session.app_user:
        notify(world, "issueNewComment", session.issue, by, comment)
    return prompt(world, session, by, body, comment=comment)


def set_plan(world: World, session: AgentSession, plan: Any) -> None:
    """Set the session's plan, or take it away with None. Raises Problem."""
    if plan is not None:
        activity_content.check_plan(plan)
    session.plan, session.updated_at = plan, world.now()


def set_urls(world: World, session: AgentSession, urls: list[dict[str, str]]) -> None:
    """Set the session's links. Raises Problem for one that is given twice."""
    if len({one["url"] for one in urls}) != len(urls):
        raise invalid("externalUrls must be unique")
    session.external_urls = [dict(one) for one in urls]
    session.updated_at = world.now()
    if urls:
        session.first_sign_at = session.first_sign_at or world.now()


def _begin(world: World, issue: Issue, by: User, root: Comment, source: Comment | None, *, tell: bool) -> AgentSession:
    now = world.now()
    session = put(world.state.sessions, AgentSession(new_id(), now, now, issue, world.client.user, by, root, source))
    if tell:
        tell_session_created(world, session, session.last_status)
    return session


def _write(world: World, activity: Activity, becomes: SessionStatus) -> None:
    session = activity.session
    session.last_status = becomes
    session.last_activity_at = session.updated_at = activity.created_at
    session.activities.append(put(world.state.activities, activity))


def _reply(world: World, root: Comment, by: User, body: str) -> Comment:
    now = world.now()
    comment = put(world.state.comments, Comment(new_id(), now, now, root.issue, by, body, root))
    tell_comment(world, "create", comment)
    return comment
