"""From GitHub's payload to an Event, or to the reason why it is none. Pure: verification comes before, work after.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from pydantic import ValidationError

from app.core.event import Event, Ignored, Parsed, Unknown
from app.errors import DeliveryRefused
from triggers.github.happening import SOURCE, Happening
from triggers.github.parse_ci import read_check_run, read_check_suite, read_status, read_workflow_run
from triggers.github.parse_issue import read_issue, read_issue_comment
from triggers.github.parse_pull import read_pull_request, read_review, read_review_comment
from triggers.github.parse_push import read_push
from triggers.github.parse_roster import ROSTERS, read_roster
from triggers.github.payload import Delivery, IssueDelivery
from triggers.github.payload_ci import (
    CheckRunDelivery,
    CheckSuiteDelivery,
    PushDelivery,
    StatusDelivery,
    WorkflowRunDelivery,
)
from triggers.github.payload_pull import PullDelivery


class Reader(NamedTuple):
    """How one kind of event is read: `actions` are those that become an Event (None: the event has none), every other is passed over."""

    actions: tuple[str, ...] | None
    members: type[Delivery]
    read: Callable[[Happening, Any], Event | str]


READERS: dict[str, Reader] = {
    "issues": Reader(("opened", "labeled", "assigned"), IssueDelivery, read_issue),
    "issue_comment": Reader(("created",), IssueDelivery, read_issue_comment),
    "pull_request": Reader(
        ("opened", "reopened", "closed", "synchronize", "ready_for_review", "labeled", "assigned", "review_requested"), PullDelivery, read_pull_request,
    ),
    "pull_request_review": Reader(("submitted",), PullDelivery, read_review),
    "pull_request_review_comment": Reader(("created",), PullDelivery, read_review_comment),
    "workflow_run": Reader(("completed",), WorkflowRunDelivery, read_workflow_run),
    "check_suite": Reader(("completed",), CheckSuiteDelivery, read_check_suite),
    "check_run": Reader(("completed", "requested_action"), CheckRunDelivery, read_check_run),
    "status": Reader(None, StatusDelivery, read_status),
    "push": Reader(None, PushDelivery, read_push),
}

# Events that GitHub documents and Bellhop has no use for. What is neither here nor above is Unknown.
IGNORED = frozenset(
    """
    branch_protection_configuration branch_protection_rule code_scanning_alert commit_comment create custom_property
    custom_property_values delete dependabot_alert deploy_key deployment deployment_protection_rule
    deployment_review deployment_status discussion discussion_comment fork github_app_authorization gollum
    installation_target issue_dependencies label marketplace_purchase member
    membership merge_group meta milestone org_block organization package page_build personal_access_token_request
    ping project project_card project_column projects_v2 projects_v2_item projects_v2_status_update public
    pull_request_review_thread registry_package release repository_advisory repository_dispatch
    repository_import repository_ruleset repository_vulnerability_alert secret_scanning_alert
    secret_scanning_alert_location secret_scanning_scan security_advisory security_and_analysis sponsorship star
    sub_issues team team_add watch workflow_dispatch workflow_job
    """.split()  # noqa: SIM905 - fifty quoted words would hide the list
)

_SLUG = re.compile(r"[a-z0-9_]{1,64}")


def parse(event: str, delivery_key: str, payload: dict[str, Any]) -> Parsed:
    """Return what a delivery of `event` (the X-GitHub-Event header) means.

    Raises DeliveryRefused (400) when an event that Bellhop handles lacks a member or holds one out of bounds.
    """
    action = payload.get("action")
    kind = f"{event}.{action}" if isinstance(action, str) and _SLUG.fullmatch(action) else event
    if event in ROSTERS:
        if not isinstance(action, str):
            raise DeliveryRefused(f"{event}: the action is missing", status=400, reason="bad_payload")
        try:
            return read_roster(event, action, payload)
        except ValidationError as error:
            raise _refused(kind, error) from None
    reader = READERS.get(event)
    if reader is None:
        if event in IGNORED:
            return Ignored(source=SOURCE, kind=kind, reason="ping" if event == "ping" else "event_not_used")
        return Unknown(source=SOURCE, kind=event)
    if reader.actions is None:
        kind = event
    elif not isinstance(action, str):
        raise DeliveryRefused(f"{event}: the action is missing", status=400, reason="bad_payload")
    elif action not in reader.actions:
        # An edit is a decision of its own: text that changes after the fact starts nothing and tells nothing.
        return Ignored(source=SOURCE, kind=kind, reason="edited" if action == "edited" else "action_not_used")
    try:
        delivery = reader.members.model_validate(payload)
    except ValidationError as error:
        raise _refused(kind, error) from None
    found = reader.read(Happening(event, kind, delivery_key), delivery)
    return Ignored(source=SOURCE, kind=kind, reason=found) if isinstance(found, str) else found


def _refused(kind: str, error: ValidationError) -> DeliveryRefused:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return DeliveryRefused(f"{kind}: {where}: {first['msg']}", status=400, reason="bad_payload")
