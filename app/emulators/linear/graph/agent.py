"""GraphQL nodes of agent sessions."""

from __future__ import annotations

from app.emulators.linear.graph import people, work
from app.emulators.linear.graph.view import Json, View
from app.emulators.linear.sessions import status_of
from app.emulators.linear.shapes.payload import dates, session_url
from app.emulators.linear.state import Activity, AgentSession
from app.emulators.linear.world import iso_or_none


def session(view: View, one: AgentSession) -> Json:
    """Return an `AgentSession`."""
    return {
        "__typename": "AgentSession", **dates(one), "status": status_of(one, view.world.now()), "type": "commentThread", "slugId": one.id[:12],
        "url": session_url(view.world, one), "plan": one.plan, "externalUrls": one.external_urls, "externalLinks": one.external_urls,
        "externalLink": one.external_urls[0]["url"] if one.external_urls else None, "summary": None, "context": {}, "sourceMetadata": None,
        "startedAt": iso_or_none(one.started_at), "endedAt": iso_or_none(one.ended_at), "dismissedAt": None,
        "issue": lambda *_: work.issue(view, one.issue),
        "comment": lambda *_: work.comment(view, one.root) if one.root else None,
        "sourceComment": lambda *_: work.comment(view, one.source) if one.source else None,
        "creator": lambda *_: people.user(view, one.creator),
        "appUser": lambda *_: people.user(view, one.app_user),
        "activities": lambda *_, **args: view.page(one.activities, activity, args),
    }


def activity(view: View, one: Activity) -> Json:
    """Return an `AgentActivity`."""
    content = {"__typename": f"AgentActivity{one.type.capitalize()}Content", **one.content}
    return {
        "__typename": "AgentActivity", **dates(one), "content": content, "signal": one.signal, "signalMetadata": one.signal_metadata,
        "ephemeral": one.ephemeral,
        "agentSession": lambda *_: session(view, one.session),
        "sourceComment": lambda *_: work.comment(view, one.source_comment) if one.source_comment else None,
        "user": lambda *_: people.user(view, one.user),
    }
