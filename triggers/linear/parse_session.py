"""`AgentSessionEvent`: somebody delegates an issue to the app, mentions it, or writes in one of its sessions; pure.

https://linear.app/developers/agent-interaction
"""

from __future__ import annotations

from app.core.event import Actor, Event
from app.errors import DeliveryRefused
from triggers.linear.addressed import Bot, addressed
from triggers.linear.happening import event
from triggers.linear.payload import AgentActivity, AgentSession, Issue, SessionDelivery, User

# The comment that Linear itself puts at the head of a session's thread where nobody's comment began it.
_LINEARS_OWN_COMMENT = "this thread is for an agent session"


def read_session(action: str, delivery_key: str, delivery: SessionDelivery, bot: Bot) -> Event | str:
    """Return the event, or why it is passed over. Raises DeliveryRefused."""
    issue = delivery.session.issue
    if issue is None:
        return "no_issue"
    if action == "created":
        return _created(delivery_key, delivery, issue, bot)
    if delivery.activity is None:
        raise DeliveryRefused("AgentSessionEvent.prompted: the agentActivity is missing", status=400, reason="bad_payload")
    return _prompted(delivery_key, delivery, delivery.activity, issue, bot)


def _created(delivery_key: str, delivery: SessionDelivery, issue: Issue, bot: Bot) -> Event | str:
    session = delivery.session
    # An automation, or another agent: nobody stands for it.
    if session.creator is None:
        return "bot"
    text = addressed(_own_words(session, session.creator), bot) if _is_mention(session) else issue.description or ""
    return event(
        "mentioned" if _is_mention(session) else "delegated", delivery_key, issue, _actor(session.creator), workspace=delivery.organization_id,
        told=(session.id,), handle=session.id, text=text, occurred_at=session.created_at,
    )


def _is_mention(session: AgentSession) -> bool:
    """Return whether somebody's comment has opened the session, and not that the issue was delegated."""
    first = session.comment.body or "" if session.comment is not None else ""
    return bool(session.source_comment_id) or (bool(first.strip()) and not first.strip().casefold().startswith(_LINEARS_OWN_COMMENT))


def _own_words(session: AgentSession, creator: User) -> str:
    """Return the comment that has opened the session, where the delivery has it: in an answer it has another, the thread's first, of whomever."""
    comment = session.comment
    is_own = comment is not None and comment.user_id == creator.id and session.source_comment_id in (None, comment.id)
    return (comment.body or "") if comment is not None and is_own else ""


def _prompted(delivery_key: str, delivery: SessionDelivery, activity: AgentActivity, issue: Issue, bot: Bot) -> Event | str:
    if activity.content.type != "prompt":
        return "action_not_used"
    if activity.user.id == delivery.app_user_id:
        return "own_words"
    is_stop = activity.signal == "stop"
    return event(
        "prompted", delivery_key, issue, _actor(activity.user), workspace=delivery.organization_id, told=(activity.id,),
        handle=delivery.session.id, text=f"{bot.mention} stop" if is_stop else addressed(activity.content.body or "", bot),
        occurred_at=activity.created_at,
    )


def _actor(user: User) -> Actor:
    return Actor(id=user.id, login=user.name or user.id, kind="bot" if user.is_app else "person")
