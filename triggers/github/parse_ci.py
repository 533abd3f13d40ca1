"""`workflow_run`, `check_suite`, `check_run` and `status`: how CI ended, and the buttons of checks; pure.

A piece of CI belongs to the pull request whose head it looked at, where there is exactly one, else to its branch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.core.event import Ci, Event
from triggers.github.happening import Happening
from triggers.github.payload import Delivery
from triggers.github.payload_ci import (
    CheckRunDelivery,
    CheckSuiteDelivery,
    PullOfCi,
    StatusDelivery,
    WorkflowRunDelivery,
)


def read_workflow_run(happening: Happening, delivery: WorkflowRunDelivery) -> Event | str:
    """Return the event, or why it is passed over."""
    run = delivery.workflow_run
    ci = Ci(
        id=run.id, name=run.name or "", conclusion=run.conclusion or "", head_commit=run.head_sha, head_branch=run.head_branch,
        head_repo_id=None if run.head_repository is None else run.head_repository.id, attempt=run.run_attempt,
    )
    return happening.event(
        delivery, **_of(delivery, ci, run.pull_requests), url=run.html_url, occurred_at=run.updated_at, told=(run.id, run.run_attempt),
    )


def read_check_suite(happening: Happening, delivery: CheckSuiteDelivery) -> Event | str:
    """Return the event, or why it is passed over."""
    suite = delivery.check_suite
    ci = Ci(
        id=suite.id, name="" if suite.app is None else suite.app.name, conclusion=suite.conclusion or "", head_commit=suite.head_sha,
        head_branch=suite.head_branch, app=None if suite.app is None else suite.app.slug,
    )
    return happening.event(
        delivery, **_of(delivery, ci, suite.pull_requests), url=_commit_url(delivery, suite.head_sha), occurred_at=suite.updated_at,
        told=(suite.id,),
    )


def read_check_run(happening: Happening, delivery: CheckRunDelivery) -> Event | str:
    """Return the event, or why it is passed over. Raises DeliveryRefused."""
    check, button = delivery.check_run, None
    if happening.kind == "check_run.requested_action":
        button = happening.there("requested action", delivery.requested_action).identifier
        if happening.is_by_a_program(delivery.sender):
            return "bot"
    ci = Ci(
        id=check.id, name=check.name, conclusion=check.conclusion or "", head_commit=check.head_sha,
        head_branch=None if check.check_suite is None else check.check_suite.head_branch, app=None if check.app is None else check.app.slug, external_id=check.external_id or "",
    )
    # GitHub tells no time of the press: a second press of the same button is a happening of its own.
    occurred_at = check.completed_at if button is None else None
    return happening.event(
        delivery, **_of(delivery, ci, check.pull_requests), url=check.html_url or _commit_url(delivery, check.head_sha), button=button,
        occurred_at=occurred_at, told=(check.id,),
    )


def read_status(happening: Happening, delivery: StatusDelivery) -> Event | str:
    """Return the event, or why it is passed over."""
    # A commit of several branches says nothing of the one that its build was for, unless it is the head of one alone.
    heads = [each.name for each in delivery.branches if each.commit is not None and each.commit.sha == delivery.sha]
    branch = delivery.branches[0].name if len(delivery.branches) == 1 else heads[0] if len(heads) == 1 else None
    ci = Ci(id=delivery.id, name=delivery.context, conclusion=delivery.state, head_commit=delivery.sha, head_branch=branch)
    return happening.event(
        delivery, **_of(delivery, ci, ()), url=_commit_url(delivery, delivery.sha), occurred_at=delivery.updated_at, told=(delivery.id,),
    )


def _of(delivery: Delivery, ci: Ci, pulls: Sequence[PullOfCi]) -> dict[str, Any]:
    """Return the members of an Event that a piece of CI has, whatever says it."""
    # A commit is in many a pull request; one of another repository is none of ours.
    ours = [pull for pull in pulls if pull.base.repo is not None and pull.base.repo.id == delivery.repository.id]
    number = ours[0].number if len(ours) == 1 else None
    branch = ci.head_branch or (ours[0].head.ref if number is not None else None)
    thread = f"#{number}" if number is not None else f"@{branch or ci.head_commit}"
    return {"thread": thread, "title": ci.name, "number": number, "is_pull_request": number is not None, "branch": branch, "ci": ci}


def _commit_url(delivery: Delivery, commit: str) -> str:
    return f"{delivery.repository.html_url}/commit/{commit}"
