"""`Issue`: a label that was added, and, for workspaces without agent sessions, that the issue was given to the bot; pure."""

from __future__ import annotations

from typing import Any

from app.core.event import Actor, Event
from triggers.linear.addressed import Bot
from triggers.linear.happening import event
from triggers.linear.payload import IssueDelivery


def read_issue(action: str, delivery_key: str, delivery: IssueDelivery, bot: Bot) -> Event | str:
    """Return the event, or why it is passed over."""
    issue, doer = delivery.issue, delivery.actor
    if doer is None:
        return "bot"
    was = _all_new() if action == "create" else delivery.updated_from
    added = _added(delivery, was)
    is_given = bool(bot.user_id) and any(
        key in was and holder == bot.user_id for key, holder in (("assigneeId", issue.assignee_id), ("delegateId", issue.delegate_id))
    )
    if not is_given and not added:
        return "agent_session" if "delegateId" in was and issue.delegate_id is not None else "action_not_used"
    names = tuple(label.name for label in issue.labels)
    return event(
        "assigned" if is_given else "labeled", delivery_key, issue, workspace=delivery.organization_id,
        actor=Actor(id=doer.id, login=doer.name or doer.id, kind="person" if doer.is_person else "bot"),
        told=(doer.id, issue.updated_at, *added), text=issue.description or "", occurred_at=issue.updated_at,
        label=added[0] if len(added) == 1 and not is_given else None, labels=added if len(added) > 1 and not is_given else names,
    )


def _added(delivery: IssueDelivery, was: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the labels that the issue did not have before."""
    before = was.get("labelIds", delivery.issue.label_ids)
    known = set(before) if isinstance(before, list) and all(isinstance(each, str) for each in before) else set()
    return tuple(label.name for label in delivery.issue.labels if label.id not in known)


def _all_new() -> dict[str, Any]:
    return {"labelIds": [], "assigneeId": None, "delegateId": None}
