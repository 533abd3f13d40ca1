"""From GitHub's payload to an Event, or to the reason why it is none. Pure: verification comes before, work after.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, get_args

from pydantic import ValidationError

from app.core.event import Actor, Event, Ignored, Parsed, Repo, Unknown
from app.core.profile import CommentAction, IssueAction
from app.core.run import MARKER_START
from app.errors import DeliveryRefused
from triggers.github.payload import Account, IssueDelivery

SOURCE = "github"

# The actions of each event that become an Event; every other action of these is passed over.
HANDLED: dict[str, tuple[str, ...]] = {
    "issues": get_args(IssueAction),
    "issue_comment": get_args(CommentAction),
}

# Events that GitHub documents and Bellhop has no use for. What is neither here nor above is Unknown.
IGNORED = frozenset(
    """
    branch_protection_configuration branch_protection_rule check_run check_suite code_scanning_alert commit_comment
    create custom_property custom_property_values delete dependabot_alert deploy_key deployment
    deployment_protection_rule deployment_review deployment_status discussion discussion_comment fork
    github_app_authorization gollum installation installation_repositories installation_target issue_dependencies
    label marketplace_purchase member membership merge_group meta milestone org_block organization package page_build
    personal_access_token_request ping project project_card project_column projects_v2 projects_v2_item
    projects_v2_status_update public pull_request pull_request_review pull_request_review_comment
    pull_request_review_thread push registry_package release repository repository_advisory repository_dispatch
    repository_import repository_ruleset repository_vulnerability_alert secret_scanning_alert
    secret_scanning_alert_location secret_scanning_scan security_advisory security_and_analysis sponsorship star status
    sub_issues team team_add watch workflow_dispatch workflow_job workflow_run
    """.split()  # noqa: SIM905 - seventy quoted words would hide the list
)

_SLUG = re.compile(r"[a-z0-9_]{1,64}")


def parse(event: str, delivery_key: str, payload: dict[str, Any]) -> Parsed:
    """Return what a delivery of `event` (the X-GitHub-Event header) means.

    Raises DeliveryRefused (400) when an event that Bellhop handles lacks a member or holds one out of bounds.
    """
    action = payload.get("action")
    kind = f"{event}.{action}" if isinstance(action, str) and _SLUG.fullmatch(action) else event
    actions = HANDLED.get(event)
    if actions is None:
        if event in IGNORED:
            return Ignored(source=SOURCE, kind=kind, reason="ping" if event == "ping" else "event_not_used")
        return Unknown(source=SOURCE, kind=event)
    if not isinstance(action, str):
        raise DeliveryRefused(f"{event}: the action is missing", status=400, reason="bad_payload")
    if action not in actions:
        # An edit is a decision of its own: text that changes after the fact starts nothing and tells nothing.
        return Ignored(source=SOURCE, kind=kind, reason="edited" if action == "edited" else "action_not_used")
    try:
        delivery = IssueDelivery.model_validate(payload)
    except ValidationError as error:
        raise _refused(kind, error) from None
    reason = _pass_over(event, delivery)
    if reason is not None:
        return Ignored(source=SOURCE, kind=kind, reason=reason)
    return _event(kind, delivery_key, delivery)


def _pass_over(event: str, delivery: IssueDelivery) -> str | None:
    if _is_bot(delivery.sender):
        return "bot"
    if event == "issue_comment":
        comment = delivery.comment
        if comment is None:
            raise DeliveryRefused("issue_comment: the comment is missing", status=400, reason="bad_payload")
        if comment.user.id != delivery.sender.id:
            return "author_is_not_sender"
        if MARKER_START in (comment.body or ""):
            return "own_words"
    return None


def _is_bot(account: Account) -> bool:
    # Organisations and mannequins do not ring either.
    return account.type != "User" or account.login.endswith("[bot]")


def _event(kind: str, delivery_key: str, delivery: IssueDelivery) -> Event:
    issue, comment, repository = delivery.issue, delivery.comment, delivery.repository
    return Event(
        source=SOURCE,
        kind=kind,
        delivery_key=delivery_key,
        intent_key=_intent_key(kind, delivery),
        thread=f"{SOURCE}:{repository.full_name}#{issue.number}",
        actor=Actor(id=str(delivery.sender.id), login=delivery.sender.login, kind="person"),
        repo=Repo(
            id=repository.id,
            full_name=repository.full_name,
            default_branch=repository.default_branch,
            installation_id=None if delivery.installation is None else delivery.installation.id,
        ),
        url=issue.html_url if comment is None else comment.html_url,
        title=issue.title,
        text=(issue.body if comment is None else comment.body) or "",
        number=issue.number,
        is_pull_request=issue.pull_request is not None,
        label=None if delivery.label is None else delivery.label.name,
        labels=tuple(label.name for label in issue.labels),
        comment_id=None if comment is None else comment.id,
        occurred_at=_occurred_at(delivery),
    )


def _occurred_at(delivery: IssueDelivery) -> str | None:
    return delivery.issue.updated_at if delivery.comment is None else delivery.comment.created_at


def _intent_key(kind: str, delivery: IssueDelivery) -> str | None:
    """Return the happening's own key: GitHub signs no time of sending, so a captured delivery can be posted again
    under any delivery id, and an App and a repository's webhook may both tell of one happening.
    """
    at = _occurred_at(delivery)
    if at is None:
        return None
    comment_id = None if delivery.comment is None else delivery.comment.id
    label = None if delivery.label is None else delivery.label.name
    happening = [kind, delivery.repository.id, delivery.issue.number, comment_id, label, delivery.sender.id, at]
    return hashlib.sha256(json.dumps(happening).encode()).hexdigest()


def _refused(kind: str, error: ValidationError) -> DeliveryRefused:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return DeliveryRefused(f"{kind}: {where}: {first['msg']}", status=400, reason="bad_payload")
