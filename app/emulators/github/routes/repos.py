"""Repositories, who may do what in them, accounts, and the rate limit."""

from __future__ import annotations

from app.emulators.github.call import METADATA, Answer, Call
from app.emulators.github.dispatch import Endpoint
from app.emulators.github.problems import Problem, not_by_integration, not_found, requires_authentication
from app.emulators.github.shapes.account import collaborator, user
from app.emulators.github.shapes.repository import full_repository

# The endpoint's `permission` knows four words; triage reads and maintain writes.
# https://docs.github.com/rest/collaborators/collaborators#get-repository-permissions-for-a-user
_PERMISSION = {"none": "none", "read": "read", "triage": "read", "write": "write", "maintain": "write", "admin": "admin"}


def get_repository(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}."""
    return Answer(200, full_repository(call.world, call.repository(METADATA)))


def get_permission(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/collaborators/{username}/permission."""
    repo = call.repository(METADATA)
    if call.caller.token and not call.caller.token.covers(repo):
        raise not_by_integration()
    if not call.caller.token and not call.caller.person:
        raise requires_authentication()
    if call.caller.person and repo.role_of(call.caller.person) not in ("write", "maintain", "admin"):
        raise Problem(403, "Must have push access to view collaborator permission.")
    account = call.world.state.user(call.params["username"])
    if account is None:
        raise Problem(404, f"{call.params['username']} is not a user")
    role = repo.role_of(account)
    return Answer(200, {
        "permission": _PERMISSION[role],
        "user": collaborator(call.world, account, role),
        "role_name": role,
    })


def get_account(call: Call) -> Answer:
    """GET /users/{username}."""
    account = call.world.state.user(call.params["username"])
    if account is None:
        raise not_found()
    return Answer(200, user(call.world, account))


def get_account_by_id(call: Call) -> Answer:
    """GET /user/{account_id}."""
    account = call.world.state.users.get(call.params["account_id"])
    if account is None:
        raise not_found()
    return Answer(200, user(call.world, account))


def get_rate_limit(call: Call) -> Answer:
    """GET /rate_limit, which costs nothing."""
    rate = dict(call.rate)
    return Answer(200, {"resources": {"core": rate, "search": rate}, "rate": rate})


ENDPOINTS = [
    Endpoint("GET", "/repos/{owner}/{repo}", get_repository),
    Endpoint("GET", "/repos/{owner}/{repo}/collaborators/{username}/permission", get_permission),
    Endpoint("GET", "/users/{username}", get_account),
    Endpoint("GET", "/user/{account_id:int}", get_account_by_id),
    Endpoint("GET", "/rate_limit", get_rate_limit),
]
