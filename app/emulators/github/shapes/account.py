"""Accounts and the App, as GitHub's API shows them (`simple-user`, `integration`, `installation`)."""

from __future__ import annotations

from typing import Any

from app.emulators.github.state import Installation, User, node_id
from app.emulators.github.world import World, iso, iso_or_none

Json = dict[str, Any]


def user(world: World, account: User) -> Json:
    """Return a `simple-user`."""
    api = f"{world.api_url}/users/{account.login}"
    page = account.login
    if account.kind == "Bot":
        page = f"apps/{account.login.removesuffix('[bot]')}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node_id("User", account.id),
        "avatar_url": f"{world.web_url}/avatars/u/{account.id}?",
        "gravatar_id": "",
        "url": api,
        "html_url": f"{world.web_url}/{page}",
        "followers_url": f"{api}/followers",
        "following_url": f"{api}/following{{/other_user}}",
        "gists_url": f"{api}/gists{{/gist_id}}",
        "starred_url": f"{api}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{api}/subscriptions",
        "organizations_url": f"{api}/orgs",
        "repos_url": f"{api}/repos",
        "events_url": f"{api}/events{{/privacy}}",
        "received_events_url": f"{api}/received_events",
        "type": account.kind,
        "user_view_type": "public",
        "site_admin": False,
    }


def user_or_none(world: World, account: User | None) -> Json | None:
    """Return a `simple-user`, or null."""
    return None if account is None else user(world, account)


def collaborator(world: World, account: User, role: str) -> Json:
    """Return a `collaborator`: a user with what they may do."""
    order = ("read", "triage", "write", "maintain", "admin")
    rank = order.index(role) if role in order else -1
    names = ("pull", "triage", "push", "maintain", "admin")
    permissions = {name: index <= rank for index, name in enumerate(names)}
    return {**user(world, account), "permissions": permissions, "role_name": role}


def integration(world: World) -> Json:
    """Return the App itself, an `integration`."""
    app = world.app
    return {
        "id": app.id,
        "client_id": app.client_id,
        "slug": app.slug,
        "node_id": node_id("Integration", app.id),
        "owner": user(world, app.owner),
        "name": app.name,
        "description": "",
        "external_url": f"{world.web_url}/apps/{app.slug}",
        "html_url": f"{world.web_url}/apps/{app.slug}",
        "created_at": iso(app.created_at),
        "updated_at": iso(app.created_at),
        "permissions": app.permissions,
        "events": app.events,
    }


def installation(world: World, found: Installation) -> Json:
    """Return an `installation`."""
    app = world.app
    return {
        "id": found.id,
        "client_id": app.client_id,
        "account": user(world, found.account),
        "repository_selection": "all" if found.repository_ids is None else "selected",
        "access_tokens_url": f"{world.api_url}/app/installations/{found.id}/access_tokens",
        "repositories_url": f"{world.api_url}/installation/repositories",
        "html_url": f"{world.web_url}/organizations/{found.account.login}/settings/installations/{found.id}",
        "app_id": app.id,
        "app_slug": app.slug,
        "target_id": found.account.id,
        "target_type": found.account.kind,
        "permissions": found.permissions,
        "events": found.events,
        "created_at": iso(found.created_at),
        "updated_at": iso(found.created_at),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": None,
        "suspended_at": iso_or_none(found.suspended_at),
    }
