"""What waits for people's approval, and whose counts: a profile's `approval:`; pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from typing import Annotated, Literal

from pydantic import Field

from app.core.event import Event
from app.core.noun import Noun
from app.core.permission import Permission
from app.core.section import Section

# What a comment names of what it approves: as much as git shows of a commit.
SHOWN_CHARACTERS = 7


class Approval(Section):
    """What waits before it goes on: the agent's `plan`, a result that touches one of `paths`.

    `approvers` people must say so, each with `permission` (None: what `who:` asks for) at that time; with `requester: exclude` none of
    those who asked for it counts. An approval counts for `expires_hours`.
    """

    plan: bool = False
    paths: tuple[str, ...] = ()
    approvers: Annotated[int, Field(ge=1, le=10)] = 1
    permission: Literal["write", "maintain", "admin"] | None = None
    requester: Literal["allow", "exclude"] = "allow"
    expires_hours: Annotated[float, Field(gt=0, le=24 * 90)] = 72


class Standing(Noun):
    """What is known of a result that waits, when somebody says something of it; `approved_by` and `asked_by` are numeric ids.

    `is_of_another`: what was pressed is the button of another result. `was_said_before`: it was said before this came to wait.
    """

    binds: str
    state: Literal["open", "approved", "rejected"]
    is_newest: bool = True
    is_expired: bool = False
    is_of_another: bool = False
    was_said_before: bool = False
    approved_by: tuple[str, ...] = ()
    asked_by: tuple[str, ...] = ()


def needed_permission(approval: Approval, who: Permission) -> Permission:
    """Return the least live permission of whoever approves."""
    return approval.permission or who


def why_not_counted(standing: Standing, approval: Approval, actor_id: str, named: str) -> str:
    """Return why somebody's approval does not count, or an empty string where it does. `named` is what the comment names, if it does."""
    faults = {
        f"it is {standing.state} already": standing.state != "open",
        "something newer has come of this conversation since": not standing.is_newest,
        "its time is over": standing.is_expired,
        f"the button is of another result, and {standing.binds[:SHOWN_CHARACTERS]} is what waits here": standing.is_of_another,
        f"it was said before {standing.binds[:SHOWN_CHARACTERS]} came to wait here": standing.was_said_before and not named,
        f"{named} is not what waits here, {standing.binds[:SHOWN_CHARACTERS]} is": not standing.binds.startswith(named),
        "whoever asked for the work does not approve it": approval.requester == "exclude" and actor_id in standing.asked_by,
        "it has been counted before": actor_id in standing.approved_by,
    }
    return next((why for why, is_so in faults.items() if is_so), "")


def intent_of(event: Event, plan: str) -> str:
    """Return the SHA-256 of what an approved plan is for: the request as the agent was given it, and the plan."""
    said = [event.source, event.repo.id, event.thread, event.title, event.words, event.pull and event.pull.head_commit, plan]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def faults_of_approval(approval: Approval, autonomy: str) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield each thing of it that would never come about: the key's way from the top of the profile, and what is wrong."""
    if autonomy == "observe" and (approval.plan or approval.paths):
        yield ("approval",), "has nothing to wait for: with `autonomy: observe` no result leaves"
    for index, pattern in enumerate(approval.paths):
        if not pattern.strip() or pattern.startswith(("/", "!")):
            yield ("approval", "paths", index), "must be a path from the repository's root, where `*`, `?` and `**` stand for parts"


def is_enough(approval: Approval, approved_by: Collection[str]) -> bool:
    """Return whether so many different people are enough."""
    return len(set(approved_by)) >= approval.approvers
