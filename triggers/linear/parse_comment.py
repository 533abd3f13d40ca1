"""`Comment`: somebody addresses the bot in an issue of a workspace without agent sessions; pure."""

from __future__ import annotations

from app.core.deciding.mention import commands
from app.core.event import Actor, Event
from triggers.linear.addressed import Bot, named
from triggers.linear.happening import event
from triggers.linear.payload import CommentDelivery, Doer, Issue


def read_comment(action: str, delivery_key: str, delivery: CommentDelivery, bot: Bot) -> Event | str:
    """Return the event, or why it is passed over."""
    del action
    comment, doer = delivery.comment, delivery.actor
    if not bot.user_id:
        return "agent_session"
    # Somebody outside, whose words are synchronised from elsewhere, has no account here.
    if comment.user is None or doer is None or comment.bot_actor:
        return "bot"
    if comment.user.id != doer.id:
        return "author_is_not_sender"
    if comment.user.id == bot.user_id:
        return "own_words"
    return "no_issue" if comment.issue is None else _read(delivery_key, delivery, comment.issue, doer, bot)


def _read(delivery_key: str, delivery: CommentDelivery, issue: Issue, doer: Doer, bot: Bot) -> Event | str:
    comment = delivery.comment
    text = named(comment.body or "", bot)
    if not commands(text, bot.login):
        return "not_addressed"
    is_person = doer.is_person and not (comment.user is None or comment.user.is_app)
    return event(
        "commented", delivery_key, issue, workspace=delivery.organization_id, told=(comment.id,), text=text,
        actor=Actor(id=doer.id, login=doer.name or doer.id, kind="person" if is_person else "bot"), occurred_at=comment.created_at,
    )
