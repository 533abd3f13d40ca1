"""The filters of `on:` for pushes and for CI that has ended, in the words of GitHub Actions where it has them."""

from __future__ import annotations

from typing import Literal

from app.core.ringing.narrowing import ByBranch, ByChange, ByFields

# https://docs.github.com/en/rest/checks/runs#create-a-check-run (`conclusion`)
Conclusion = Literal[
    "failure", "timed_out", "startup_failure", "action_required", "cancelled", "neutral", "skipped", "stale", "success",
]
FAILED: tuple[Conclusion, ...] = ("failure", "timed_out", "startup_failure")
# https://docs.github.com/en/rest/commits/statuses#create-a-commit-status
StatusState = Literal["failure", "error", "success"]
CompletedAction = Literal["completed"]


class PushFilter(ByChange, ByFields):
    """Which pushes of people to branches ring; a tag, or a branch that is deleted, never does."""


class EndedFilter(ByBranch, ByFields):
    """Which ends of CI ring: by how it ended, and the branch whose head it looked at."""

    types: tuple[CompletedAction, ...] = ("completed",)
    conclusions: tuple[Conclusion, ...] = FAILED


class WorkflowRunFilter(EndedFilter):
    """Which runs of workflows ring, by the workflow's name."""

    workflows: tuple[str, ...] = ()


class CheckSuiteFilter(EndedFilter):
    """Which suites of checks ring, by the name of the App that they belong to."""

    apps: tuple[str, ...] = ()


class CheckRunFilter(EndedFilter):
    """Which checks ring, by their names."""

    names: tuple[str, ...] = ()


class StatusFilter(ByBranch, ByFields):
    """Which commit statuses ring, by their contexts."""

    contexts: tuple[str, ...] = ()
    states: tuple[StatusState, ...] = ("failure", "error")


# What a filter calls the names that it asks for.
NAMES = ("workflows", "apps", "names", "contexts")
