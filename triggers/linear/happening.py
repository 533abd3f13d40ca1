"""What every kind of delivery makes an Event of: its conversation, where it was, and what tells it from any other happening; pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from app.core.event import LINEAR, Actor, Event, Repo
from triggers.linear.payload import Issue


def event(
    kind: str, delivery_key: str, issue: Issue, actor: Actor, *, workspace: str, told: Sequence[object], **members: Any
) -> Event:
    """Return the Event of something in an issue; `told` is what tells it from others of its kind.

    Linear signs neither the delivery's id nor anything else that a repetition within the minute could not carry under another id.
    """
    return Event(
        source=LINEAR, kind=f"{LINEAR}.{kind}", delivery_key=delivery_key,
        intent_key=hashlib.sha256(json.dumps([kind, issue.id, *told]).encode()).hexdigest(),
        thread=thread_of(issue.id), actor=actor, repo=Repo.unsaid(), url=issue.url, title=issue.title, places=places_of(issue, workspace), **members,
    )


def thread_of(issue_id: str) -> str:
    """Return the conversation's name."""
    return f"{LINEAR}:{issue_id}"


def places_of(issue: Issue, workspace: str) -> tuple[str, ...]:
    """Return where an issue is, narrowest first, as far as it is said."""
    labels = [f"label:{label.name}" for label in issue.labels]
    project = [] if issue.project is None else [f"project:{issue.project.name}"]
    team = [] if issue.team is None else [f"team:{issue.team.key}"]
    return (*labels, *project, *team, f"workspace:{workspace}")
