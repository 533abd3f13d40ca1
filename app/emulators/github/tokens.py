"""App JWTs and installation tokens: checked and minted as strictly as GitHub does.

https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

import jwt

from app.emulators.github.problems import DOCS, Problem, bad_credentials
from app.emulators.github.state import App, Installation, Repository, Token
from app.emulators.github.world import World

JWT_LIFETIME_SECONDS = 600
MINT_DOCS = f"{DOCS}/apps/apps#create-an-installation-access-token-for-an-app"
_RANK = {"read": 1, "write": 2, "admin": 3}


def check_app_jwt(world: World, assertion: str) -> App:
    """Verify an App's RS256 assertion (issuer, expiry of at most 10 minutes, issue time). Raises Problem (401, 404)."""
    app = world.app
    try:
        claims = jwt.decode(
            assertion, app.public_key_pem, algorithms=["RS256"],
            # The times are checked below, against the emulator's own clock and with GitHub's own words.
            options={"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False, "verify_iss": False},
        )
    except jwt.InvalidTokenError as error:
        raise Problem(401, "A JSON web token could not be decoded") from error
    now = world.now().timestamp()
    expires, issued = claims.get("exp"), claims.get("iat")
    if str(claims.get("iss")) not in (str(app.id), app.client_id):
        raise Problem(404, "Integration not found")
    if not isinstance(expires, int) or expires <= now:
        raise Problem(401, "'Expiration time' claim ('exp') must be a numeric value representing the future time "
                      "at which the assertion expires")
    if expires > now + JWT_LIFETIME_SECONDS:
        raise Problem(401, "'Expiration time' claim ('exp') is too far in the future")
    if not isinstance(issued, int) or issued > now:
        raise Problem(401, "'Issued at' claim ('iat') must be an Integer representing the time that the assertion "
                      "was issued")
    return app


def mint(
    world: World, installation: Installation, permissions: Mapping[str, str] | None,
    repository_ids: list[int] | None, repositories: list[str] | None,
) -> Token:
    """Issue a token with no more than the installation has. Raises Problem (403 suspended, 422 beyond it).

    An empty `permissions` counts as none given: PyGithub sends it so, and gets all that the installation has.
    """
    if installation.suspended_at:
        raise Problem(403, "This installation has been suspended", docs=MINT_DOCS)
    granted = dict(installation.permissions)
    if permissions:
        for name, access in permissions.items():
            if _RANK.get(access, 9) > _RANK.get(installation.permissions.get(name, ""), 0):
                raise Problem(422, "The permissions requested are not granted to this installation.", docs=MINT_DOCS)
        granted = dict(permissions)
    granted.setdefault("metadata", "read")
    chosen = _choose(world, installation, repository_ids, repositories)
    now = world.now()
    expires = now + timedelta(seconds=world.token_lifetime_seconds)
    value = token_value(world.app.id, installation.id, now, expires)
    token = Token(value, installation, granted, now, expires, chosen)
    world.state.tokens[value] = token
    return token


def token_value(app_id: int, installation_id: int, now: datetime, expires: datetime) -> str:
    """Return a new token in GitHub's long form, `ghs_<app id>_<three dotted parts>`, about 520 characters."""
    claims = {
        "jti": secrets.token_hex(18), "sub": installation_id, "iat": int(now.timestamp()), "exp": int(expires.timestamp()),
    }
    header = _part(json.dumps({"alg": "RS256", "typ": "JWT"}).encode())
    return f"ghs_{app_id}_{header}.{_part(json.dumps(claims).encode())}.{_part(secrets.token_bytes(256))}"


def live_token(world: World, value: str) -> Token:
    """Return a token that works now. Raises Problem (401) for one unknown, expired or revoked, (403) suspended."""
    token = world.state.tokens.get(value)
    if token is None or not is_live(world, token):
        raise bad_credentials()
    if token.installation.suspended_at:
        raise Problem(403, "This installation has been suspended")
    return token


def is_live(world: World, token: Token) -> bool:
    """Return whether a token is unrevoked, unexpired and of an installation that is still there."""
    installed = world.state.installations.get(token.installation.id) is token.installation
    return installed and not token.revoked and token.expires_at > world.now()


def allows(token: Token, permission: str, access: str) -> bool:
    """Return whether a token may, now that the installation's own permissions may have shrunk."""
    if permission == "metadata":
        return access == "read"
    held = min(
        _RANK.get(token.permissions.get(permission, ""), 0),
        _RANK.get(token.installation.permissions.get(permission, ""), 0),
    )
    return held >= _RANK[access]


def _choose(
    world: World, installation: Installation, repository_ids: list[int] | None, repositories: list[str] | None
) -> set[int] | None:
    if not repository_ids and not repositories:
        return None
    covered = [repo for repo in world.state.repositories.values() if installation.covers(repo)]
    by_name: dict[str, Repository] = {repo.name.lower(): repo for repo in covered}
    ids = {repo.id for repo in covered}
    wanted = set(repository_ids or [])
    for name in repositories or []:
        found = by_name.get(name.lower())
        wanted.add(found.id if found else -1)
    if not wanted <= ids:
        raise Problem(422, "There is at least one repository that does not exist or is not accessible to the parent "
                      "installation.", docs=MINT_DOCS)
    return wanted


def _part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
