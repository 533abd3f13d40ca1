"""When the button "Fix with Bellhop" is offered, what it says, and what a run is told that somebody has pressed it for; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from app.core.event import Event, Pull
from app.core.noun import Noun
from app.core.profile import Profile
from app.core.ringing.rings import works_in
from app.core.showing.check import Button, Check
from app.core.showing.friction import FRICTIONS, Friction

PRESS = "check_run.requested_action"
BUTTON = Button(label="Fix with Bellhop", description="Start a run on this commit", identifier="fix")
NAME = "Bellhop: an offer"
OWN_BRANCHES = "bellhop/"

_FAILED = ("failure", "timed_out", "startup_failure")
_SAYS: dict[Friction, str] = {
    "conflict": "It conflicts with the branch that it is to be merged into.",
    "red-build": "Its build has failed.",
    "stale": "Nothing has happened to it for a while.",
}
_OF_BRANCH = "The build of this branch has failed."


class OpenPull(Noun):
    """An open pull request as a list of them shows it; `updated_at` is the service's own ISO 8601 time."""

    pull: Pull
    title: str
    url: str
    is_draft: bool
    updated_at: str


def offered_by(profiles: Mapping[str, Profile], friction: Friction, full_name: str) -> str | None:
    """Return the profile that offers to see to it in that repository: of several, the first by name."""
    return next(
        (name for name in sorted(profiles) if friction in profiles[name].offer.for_ and works_in(profiles[name], full_name)), None
    )


def is_somebody_elses(pull: Pull, repo_id: int) -> bool:
    """Return whether a pull request is a person's own, within the repository: a fork's gets words only, so it is offered nothing."""
    return pull.state == "open" and pull.head_repo_id == repo_id and not pull.head_ref.startswith(OWN_BRANCHES)


def is_red_build(event: Event, bot_login: str) -> bool:
    """Return whether the event says that the build of a pull request of a person's, or of a branch of the repository, has failed."""
    ci = event.ci
    if ci is None or event.kind not in ("workflow_run.completed", "check_suite.completed"):
        return False
    if event.number is None and (event.branch is None or (ci.head_repo_id is None and event.kind == "workflow_run.completed")):
        # A suite of a fork's commit names no branch; a workflow's run does, and no repository where the fork is gone.
        return False
    is_own = (ci.head_branch or "").startswith(OWN_BRANCHES) or event.actor.login.casefold() == bot_login.casefold()
    return ci.conclusion in _FAILED and not is_own and ci.head_repo_id in (None, event.repo.id)


def is_of_branch(event: Event) -> bool:
    """Return whether a press is about a branch that had no pull request when it was offered."""
    return event.friction is not None and event.number is None


def is_stale(found: OpenPull, days: int, now: datetime) -> bool:
    """Return whether nothing has happened to a pull request that is ready for so many days; a time that cannot be read is none."""
    try:
        return not found.is_draft and now - datetime.fromisoformat(found.updated_at) > timedelta(days=days)
    except (ValueError, TypeError):
        return False


def first_of(frictions: Collection[Friction]) -> Friction:
    """Return what a press sees to first."""
    return next(each for each in FRICTIONS if each in frictions)


def offer_check(number: int, event: Event, frictions: Collection[Friction], *, refused: str, run_id: str) -> Check:
    """Return the check that offers; `number` is the offer's own, `refused` who pressed and may not, `run_id` what a press has started."""
    has_pull = event.number is not None
    said = [f"#{event.number}: {_SAYS[each]}" if has_pull else _OF_BRANCH for each in FRICTIONS if each in frictions]
    if run_id:
        said.append(f"Run {run_id} has been started on it; it tells of itself in {'the' if has_pull else 'a'} pull request{'' if has_pull else ' for this branch'}.")
    else:
        said.append("Press the button to have Bellhop work on it, in your name. What comes of it is a pull request for this branch.")
    if refused:
        said.append(f"{refused} has pressed it, and may not start runs here. Somebody who may is welcome to.")
    return Check(
        name=NAME, external_id=f"offer-{number}", head_commit=head_of(event), status="completed", conclusion="neutral",
        title="Taken up" if run_id else "Bellhop can see to this", summary="\n\n".join(said), buttons=() if run_id else (BUTTON,),
    )


def head_of(event: Event) -> str:
    """Return the commit that an offer stands on."""
    if event.pull is not None:
        return event.pull.head_commit
    return "" if event.ci is None else event.ci.head_commit


def task(friction: Friction, base_ref: str, ci_name: str, branch: str = "") -> str:
    """Return what the agent of a run is told to do, in Bellhop's own words but for the names; `branch` where it is about no pull request."""
    if friction == "conflict":
        return (
            f"This pull request conflicts with {base_ref or 'its base'}, into which it is to be merged. The files here are the merge of both, "
            "with git's conflict markers where they disagree (`git grep -n '^<<<<<<< '`). The merge is the newest commit of "
            "`git log --merges -1`, whose message says what git made of each file; its first parent is the pull request's head, its second "
            f"{base_ref or 'the base'}.\n\nResolve every conflict so that what both sides were for is kept, and leave no marker behind. "
            "Change nothing else, but for what the two sides together break."
        )
    if friction == "red-build":
        what = f"the branch {branch}" if branch else "this pull request"
        return f"The build of {what} has failed{f' ({ci_name})' if ci_name else ''}. Find out why, and mend that."
    return (
        "Nothing has happened to this pull request for a while. Find out what it still needs, by its change, its tests and the code around it, "
        "and do what is plain. Say what is left for a person to decide."
    )
