"""The exact request that a Grant becomes: pure, so that it can be shown before any secret exists."""

from __future__ import annotations

from pydantic import JsonValue

from app.core.event import Repo
from app.core.grant import Grant


def wanted_permissions(grant: Grant) -> dict[str, str]:
    """Return the permissions that are asked for.

    GitHub gives metadata:read to every token; asking for it makes the request say all that the token can do.
    """
    return {"metadata": "read", **grant.permissions}


def token_request(grant: Grant) -> dict[str, JsonValue]:
    """Return the body of the token request: this repository by its id, and no permission that is not named.

    https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app
    """
    return {"repository_ids": [grant.repo.id], "permissions": dict(wanted_permissions(grant))}


def token_path(repo: Repo, installation_id: int | None = None) -> str:
    """Return the path of the token request below the API's address; `{installation_id}` in it is looked up first."""
    known = installation_id or repo.installation_id
    return f"/app/installations/{'{installation_id}' if known is None else known}/access_tokens"
