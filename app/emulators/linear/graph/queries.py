"""The queries: what `Query` of the cut schema has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.emulators.linear.graph import agent, people, work
from app.emulators.linear.graph.view import Json, View
from app.emulators.linear.limits import PERIOD_SECONDS
from app.emulators.linear.problems import forbidden, invalid, not_found
from app.emulators.linear.shapes.payload import dates
from app.emulators.linear.state import Webhook

Query = Callable[[View, Json], Any]


def _activity(view: View, args: Json) -> Json:
    found = view.state.activities.get(args["id"])
    if found is None:
        raise not_found("AgentActivity")
    view.session(found.session.id)
    return agent.activity(view, found)


def _attachment(view: View, args: Json) -> Json:
    found = view.state.attachments.get(args["id"])
    if found is None or not view.caller.sees(found.issue.team):
        raise not_found("Attachment")
    return work.attachment(view, found)


def _attachments(view: View, args: Json) -> Json:
    return view.page((one for one in view.state.attachments.values() if view.caller.sees(one.issue.team)), work.attachment, args)


def _attachments_for_url(view: View, args: Json) -> Json:
    seen = (one for one in view.state.attachments.values() if view.caller.sees(one.issue.team) and one.url == args["url"])
    return view.page(seen, work.attachment, args)


def _comment(view: View, args: Json) -> Json:
    if not args.get("id"):
        raise invalid("The emulator finds a comment by its id")
    return work.comment(view, view.comment(args["id"]))


def _webhook(view: View, one: Webhook) -> Json:
    # https://linear.app/developers/webhooks: "only workspace admins, or OAuth applications with the admin scope".
    if "admin" not in view.caller.scopes:
        raise forbidden("You need to be an admin to read webhooks")
    return {
        "__typename": "Webhook", **dates(one), "label": view.world.client.name, "url": one.url, "enabled": one.enabled,
        "resourceTypes": list(one.resource_types), "allPublicTeams": view.world.client.team_ids is None,
        "teamIds": None if view.world.client.team_ids is None else sorted(view.world.client.team_ids),
    }


def _one_webhook(view: View, args: Json) -> Json:
    found = view.state.webhooks.get(args["id"])
    if found is None:
        raise not_found("Webhook")
    return _webhook(view, found)


def _rate_limit(view: View, _args: Json) -> Json:
    left = view.world.limits.left(view.caller.identity, view.caller.budget, view.world.now().timestamp())
    return {
        "identifier": view.caller.identity, "kind": "user",
        "limits": [
            {"type": name, "requestedAmount": 1.0, "allowedAmount": bucket.limit, "period": PERIOD_SECONDS * 1000,
             "remainingAmount": bucket.left, "reset": float(bucket.full_at_ms())}
            for name, bucket in left.items()
        ],
    }


QUERIES: dict[str, Query] = {
    "viewer": lambda view, _: people.user(view, view.caller.user),
    "organization": lambda view, _: people.organization(view),
    "user": lambda view, args: people.user(view, view.user(args["id"])),
    "users": lambda view, args: view.page(view.state.users.values(), people.user, args),
    "team": lambda view, args: people.team(view, view.team(args["id"])),
    "teams": lambda view, args: view.page((one for one in view.state.teams.values() if view.caller.sees(one)), people.team, args),
    "workflowState": lambda view, args: people.workflow_state(view, view.workflow_state(args["id"])),
    "workflowStates": lambda view, args: view.page(
        (one for one in view.state.states.values() if view.caller.sees(one.team)), people.workflow_state, args
    ),
    "project": lambda view, args: people.project(view, view.project(args["id"])),
    "projects": lambda view, args: view.page(
        (one for one in view.state.projects.values() if any(view.caller.sees(team) for team in one.teams)), people.project, args
    ),
    "issueLabel": lambda view, args: people.label(view, view.label(args["id"])),
    "issueLabels": lambda view, args: view.page(view.state.labels.values(), people.label, args),
    "issue": lambda view, args: work.issue(view, view.issue(args["id"])),
    "issues": lambda view, args: view.page(work.seen(view), work.issue, args),
    "comment": _comment,
    "comments": lambda view, args: view.page(
        (one for one in view.state.comments.values() if view.caller.sees(one.issue.team)), work.comment, args
    ),
    "attachment": _attachment,
    "attachments": _attachments,
    "attachmentsForURL": _attachments_for_url,
    "agentSession": lambda view, args: agent.session(view, view.session(args["id"])),
    "agentSessions": lambda view, args: view.page(
        (one for one in view.state.sessions.values() if view.caller.sees(one.issue.team)), agent.session, args
    ),
    "agentActivity": _activity,
    "agentActivities": lambda view, args: view.page(
        (one for one in view.state.activities.values() if view.caller.sees(one.session.issue.team)), agent.activity, args
    ),
    "webhook": _one_webhook,
    "webhooks": lambda view, args: view.page(view.state.webhooks.values(), _webhook, args),
    "rateLimitStatus": _rate_limit,
}
