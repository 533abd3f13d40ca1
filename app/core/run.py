"""The durable record of one attempt, and the names made from its id."""

from __future__ import annotations

import secrets
from typing import Literal

from app.core.event import Event
from app.core.noun import Noun
from app.core.outcome import Outcome
from app.core.profile import Profile

# queued -> starting -> running -> collecting -> verifying -> publishing -> done; from `starting` and `collecting` by way of
# `preparing`, and back, where something has to be set up first
RunState = Literal["queued", "starting", "preparing", "running", "collecting", "verifying", "publishing", "done"]

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # base32 without the look-alikes l, o, 0 and 1


def new_id(length: int = 12) -> str:
    """Return a random name of `length` base32 characters (5 bits each)."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


class Run(Noun):
    """One attempt at one event, under the profile as it was when the event was routed.

    Times are milliseconds since 1970 by the database's clock. `epoch` is the fencing number of the lease. `stopped_by` is who
    said stop (empty: nobody), `parent_id` the run whose conversation this one goes on with.
    """

    id: str
    case_id: str
    thread: str
    event: Event
    profile: Profile
    host: str | None
    state: RunState
    epoch: int
    attempts: int
    base_commit: str | None = None
    backend: str | None = None
    isolation: str | None = None
    outcome: Outcome | None = None
    cancel_requested: bool = False
    stopped_by: str = ""
    parent_id: str | None = None
    created_at_ms: int
    updated_at_ms: int

    @property
    def branch(self) -> str:
        """The one branch that this run may push."""
        return f"bellhop/{self.case_id}"

    @property
    def works_on(self) -> str | None:
        """The commit that the event names to work on, which a result stands on: a pull request's head, or one whose CI has failed."""
        event = self.event
        if event.pull is not None:
            return event.pull.head_commit
        is_about_ci = event.button is None or event.friction is not None
        return event.ci.head_commit if event.ci is not None and is_about_ci else None

    @property
    def base_branch(self) -> str:
        """The branch that a result is proposed for: of a pull request its head, but for one of the same case's own."""
        pull = self.event.pull
        if pull is None:
            return self.profile.branch or self.event.repo.default_branch
        return pull.base_ref if pull.head_ref == self.branch else pull.head_ref


# What every text of Bellhop's own carries, so that it never takes its own words for somebody else's.
MARKER_START = "<!-- bellhop-run:"


COMMENT = "comment"


def comment_marker(run_id: str, kind: str = COMMENT) -> str:
    """Return the hidden marker by which a run finds its own comment again: the one that tells how it stands, or another."""
    return f"{MARKER_START} {run_id} -->" if kind == COMMENT else f"{MARKER_START} {run_id} {kind} -->"
