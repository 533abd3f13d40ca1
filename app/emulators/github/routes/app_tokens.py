"""The App's own endpoints: itself, its installations, their tokens, its webhook's deliveries.

https://docs.github.com/rest/apps/apps and https://docs.github.com/rest/apps/webhooks
"""

from __future__ import annotations

import json

from app.emulators.github.call import METADATA, Answer, Body, Call
from app.emulators.github.deliveries import Delivery
from app.emulators.github.dispatch import Endpoint
from app.emulators.github.problems import Problem, not_found
from app.emulators.github.shapes import account
from app.emulators.github.shapes.repository import repository
from app.emulators.github.state import Installation
from app.emulators.github.tokens import mint
from app.emulators.github.world import iso


class TokenRequest(Body):
    """What a new token should be limited to."""

    permissions: dict[str, str] | None = None
    repositories: list[str] | None = None
    repository_ids: list[int] | None = None


def get_app(call: Call) -> Answer:
    """GET /app."""
    call.the_app()
    shape = account.integration(call.world)
    return Answer(200, {**shape, "installations_count": len(call.world.state.installations)})


def list_installations(call: Call) -> Answer:
    """GET /app/installations."""
    call.the_app()
    found = list(call.world.state.installations.values())
    return call.page(found, lambda one: account.installation(call.world, one))


def get_installation(call: Call) -> Answer:
    """GET /app/installations/{id}."""
    call.the_app()
    return Answer(200, account.installation(call.world, _installation(call)))


def get_repository_installation(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/installation."""
    call.the_app()
    state = call.world.state
    repo = state.repositories.get(call.params.get("repo_id", 0)) or state.repository(
        f"{call.params.get('owner')}/{call.params.get('repo')}"
    )
    found = state.installation_on(repo) if repo else None
    if found is None:
        raise not_found()
    return Answer(200, account.installation(call.world, found))


def create_token(call: Call) -> Answer:
    """POST /app/installations/{id}/access_tokens."""
    call.the_app()
    found = _installation(call)
    asked = call.read(TokenRequest)
    token = mint(call.world, found, asked.permissions, asked.repository_ids, asked.repositories)
    body: account.Json = {
        "token": token.value,
        "expires_at": iso(token.expires_at),
        "permissions": token.permissions,
        "repository_selection": "all" if found.repository_ids is None and token.repository_ids is None else "selected",
    }
    if token.repository_ids is not None:
        repositories = call.world.state.repositories
        body["repositories"] = [repository(call.world, repositories[one]) for one in sorted(token.repository_ids)]
    return Answer(201, body)


def revoke_token(call: Call) -> Answer:
    """DELETE /installation/token."""
    call.the_token().revoked = True
    return Answer(204)


def list_token_repositories(call: Call) -> Answer:
    """GET /installation/repositories."""
    token = call.the_token()
    call.accepted = (METADATA,)
    found = [repo for repo in call.world.state.repositories.values() if token.covers(repo)]
    answer = call.page(found, lambda repo: repository(call.world, repo), under="repositories")
    selection = "all" if token.repository_ids is None and token.installation.repository_ids is None else "selected"
    return Answer(200, {**answer.body, "repository_selection": selection}, answer.headers)


def list_deliveries(call: Call) -> Answer:
    """GET /app/hook/deliveries, newest first."""
    call.the_app()
    found = list(reversed(call.world.deliveries.log))
    return call.page(found, _delivery)


def get_delivery(call: Call) -> Answer:
    """GET /app/hook/deliveries/{id}, with what was sent and what came back."""
    call.the_app()
    found = _found_delivery(call)
    return Answer(200, {
        **_delivery(found),
        "url": found.url or "",
        "request": {"headers": found.headers, "payload": json.loads(found.body)},
        "response": {"headers": {}, "payload": found.response_body},
    })


def redeliver(call: Call) -> Answer:
    """POST /app/hook/deliveries/{id}/attempts."""
    call.the_app()
    found = _found_delivery(call)
    call.world.deliveries.redeliver(found.guid, call.world.now(), call.world.app.webhook_url)
    return Answer(202, {})


def _installation(call: Call) -> Installation:
    found = call.world.state.installations.get(call.params["installation_id"])
    if found is None:
        raise not_found()
    return found


def _found_delivery(call: Call) -> Delivery:
    for found in call.world.deliveries.log:
        if found.id == call.params["delivery_id"]:
            return found
    raise Problem(404, "Not Found")


def _delivery(found: Delivery) -> account.Json:
    return {
        "id": found.id,
        "guid": found.guid,
        "delivered_at": iso(found.delivered_at),
        "redelivery": found.redelivery,
        "duration": round(found.duration_seconds, 3),
        "status": found.status,
        "status_code": found.status_code,
        "event": found.event,
        "action": found.action,
        "installation_id": found.installation_id,
        "repository_id": found.repository_id,
        "throttled_at": None,
    }


ENDPOINTS = [
    Endpoint("GET", "/app", get_app),
    Endpoint("GET", "/app/installations", list_installations),
    Endpoint("GET", "/app/installations/{installation_id:int}", get_installation),
    Endpoint("POST", "/app/installations/{installation_id:int}/access_tokens", create_token),
    Endpoint("GET", "/app/hook/deliveries", list_deliveries),
    Endpoint("GET", "/app/hook/deliveries/{delivery_id:int}", get_delivery),
    Endpoint("POST", "/app/hook/deliveries/{delivery_id:int}/attempts", redeliver),
    Endpoint("GET", "/repos/{owner}/{repo}/installation", get_repository_installation),
    Endpoint("DELETE", "/installation/token", revoke_token),
    Endpoint("GET", "/installation/repositories", list_token_repositories),
]
