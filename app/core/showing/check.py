"""What a run says in a check on a commit, which a branch's protection may require: pure.

https://docs.github.com/en/rest/checks/runs
"""

from __future__ import annotations

from typing import Literal

from app.core.noun import Noun
from app.core.outcome import Outcome, PullRequest
from app.core.run import Run

CHECK = "check"
CHECK_PUSHED = "check-pushed"

Conclusion = Literal["success", "failure", "neutral", "cancelled", "action_required"]

# GitHub takes no longer title or summary; what is cut here stands in the comment.
TITLE_LIMIT_CHARACTERS = 255
SUMMARY_LIMIT_CHARACTERS = 65_535


class Button(Noun):
    """A button of a check that has ended; GitHub takes 20, 40 and 20 characters."""

    label: str
    description: str
    identifier: str


class Check(Noun):
    """One check as it should stand now; `external_id` is what it is found again by. `conclusion` is None while it is under way."""

    name: str
    external_id: str
    head_commit: str
    status: Literal["queued", "in_progress", "completed"]
    conclusion: Conclusion | None = None
    title: str
    summary: str
    details_url: str = ""
    buttons: tuple[Button, ...] = ()


# What a comment may say of it, too (app/core/decide.py).
_WAITING = (
    Button(label="Approve", description="Have it go on as it stands here", identifier="approve"),
    Button(label="Reject", description="Throw it away", identifier="reject"),
)


def check_name(profile_name: str) -> str:
    """Return the name by which a branch's protection requires the check."""
    return f"Bellhop / {profile_name}"


def check_of(run: Run, head_commit: str, *, stage: str, summary: str, details_url: str, is_settled: bool = False) -> Check:
    """Return the run's check on a commit; `summary` is what its comment says, `is_settled` whether what waited has been approved or rejected."""
    outcome = run.outcome
    is_over = run.state == "done" and outcome is not None
    title, conclusion = (stage, None) if outcome is None or not is_over else ending(outcome)
    is_held = is_over and outcome is not None and outcome.kind == "held"
    if is_held and is_settled:
        title, conclusion = "Answered", "neutral"
    elif is_held and run.event.pull is None:
        # It stands on a commit of the team's own branch, with which nothing is wrong.
        conclusion = "neutral"
    return Check(
        name=check_name(run.profile.name), external_id=run.id, head_commit=head_commit,
        status="completed" if is_over else "queued" if run.state == "queued" else "in_progress", conclusion=conclusion,
        title=title[:TITLE_LIMIT_CHARACTERS], summary=summary[:SUMMARY_LIMIT_CHARACTERS], details_url=details_url,
        buttons=_WAITING if is_held and not is_settled else (),
    )


def ending(outcome: Outcome) -> tuple[str, Conclusion]:
    """Return in a few words of Bellhop's own how a run ended, and what that is to a branch's protection.

    Only a result that was verified and is ready for review is a success; what nobody has verified lets a merge through and says so.
    """
    if outcome.kind == "pull_request":
        return _of_pull_request(outcome)
    if outcome.kind == "refused":
        return ("Stopped", "cancelled") if outcome.reason == "cancelled" else ("Not done", "action_required")
    return _ENDS.get(outcome.kind, ("Over", "neutral"))


_ENDS: dict[str, tuple[str, Conclusion]] = {
    "held": ("Waits for an approval", "action_required"),
    "message": ("Answered", "neutral"), "review": ("Reviewed", "success"), "nothing_to_do": ("Nothing to do", "neutral"), "failed": ("That did not work", "failure"),
}


def _of_pull_request(outcome: PullRequest) -> tuple[str, Conclusion]:
    if outcome.verify is not None and not outcome.verify.passed:
        return "The result failed its check", "failure"
    if outcome.draft:
        return "A draft, for a person to look at", "action_required"
    return ("Verified", "success") if outcome.verify is not None else ("Proposed, and not verified", "neutral")
