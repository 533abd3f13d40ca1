"""Where a run whose event has no issue or pull request speaks, and when; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from app.core.run import Run

HOME_START = "<!-- bellhop-home:"


def home_marker(thread: str) -> str:
    """Return the hidden marker by which a conversation's own issue is found again."""
    return f"{HOME_START} {hashlib.sha256(thread.encode()).hexdigest()[:32]} -->"


def thread_in(full_name: str, number: int) -> str:
    """Return the name of the conversation in an issue or a pull request of a repository at GitHub."""
    return f"github:{full_name}#{number}"


def must_be_read(run: Run, kinds: Collection[str]) -> bool:
    """Return whether a person has to read what the run says now, so that it is worth opening an issue for.

    `kinds` are the run's replies so far: a question is one of them. That it waits, works, or has found nothing to do is
    on its page; what it has proposed is said in the pull request.
    """
    outcome = run.outcome
    if outcome is None:
        return any(kind.startswith("question-") for kind in kinds)
    return outcome.kind in ("message", "failed", "held") or (outcome.kind == "refused" and outcome.reason != "cancelled")


