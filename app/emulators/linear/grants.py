"""OAuth grants: codes, access tokens for a day, and refresh tokens that are good once.

https://linear.app/developers/oauth-2-0-authentication and https://linear.app/developers/agents (app actor)
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import timedelta

from app.emulators.linear.state import AccessToken, Code, User
from app.emulators.linear.world import World

CODE_LIFETIME_SECONDS = 600.0
CLIENT_CREDENTIALS_LIFETIME_SECONDS = 30 * 86_400.0
SCOPES = frozenset({
    "read", "write", "issues:create", "comments:create", "timeSchedule:write", "admin", "app:assignable", "app:mentionable",
    "customer:read", "customer:write", "initiative:read", "initiative:write",
})


class Refused(Exception):
    """An OAuth error: its code and its description."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error


def scopes_of(text: str, *, as_app: bool) -> frozenset[str]:
    """Return the scopes of a list with commas or spaces; `read` is always one of them. Raises Refused."""
    asked = frozenset(text.replace(",", " ").split())
    if unknown := sorted(asked - SCOPES):
        raise Refused("invalid_scope", f"Invalid scope: {', '.join(unknown)}")
    if as_app and "admin" in asked:
        raise Refused("invalid_scope", "Scope `admin` cannot be requested with actor=app")
    if not as_app and asked & {"app:assignable", "app:mentionable"}:
        raise Refused("invalid_scope", "Scopes `app:assignable` and `app:mentionable` need actor=app")
    return asked | {"read"}


def authorize(world: World, person: User, scopes: frozenset[str], redirect_uri: str, *, as_app: bool, challenge: str | None) -> Code:
    """Give out a code because a person agreed; only an admin may install an app as itself. Raises Refused."""
    if as_app and not person.admin:
        raise Refused("access_denied", "Only workspace admins can install applications with actor=app")
    user = world.client.user if as_app else person
    expires = world.now() + timedelta(seconds=CODE_LIFETIME_SECONDS)
    code = Code(secrets.token_hex(16), user, scopes, redirect_uri, expires, challenge)
    world.state.codes[code.value] = code
    return code


def exchange_code(world: World, value: str, redirect_uri: str, verifier: str | None, lifetime_seconds: float) -> AccessToken:
    """Change a code, once, for tokens. Raises Refused."""
    code = world.state.codes.pop(value, None)
    if code is None or code.expires_at <= world.now():
        raise Refused("invalid_grant", "Invalid code: it is unknown, was used, or has expired")
    if code.redirect_uri != redirect_uri:
        raise Refused("invalid_grant", "Invalid redirect_uri: it is not the one of the authorization")
    if code.challenge is not None and not hmac.compare_digest(code.challenge, challenge_of(verifier or "")):
        raise Refused("invalid_grant", "Invalid code_verifier")
    if code.user.app:
        world.client.installed, world.client.scopes = True, code.scopes
    return _issue(world, code.user, code.scopes, lifetime_seconds, refreshable=True)


def refresh(world: World, value: str, lifetime_seconds: float) -> AccessToken:
    """Change a refresh token for new tokens; it is good once, and its access token ends with it. Raises Refused."""
    old = world.state.refresh_tokens.pop(value, None)
    if old is None or old.revoked or (old.user.app and not world.client.installed):
        raise Refused("invalid_grant", "Token has been expired or revoked.")
    old.revoked = True
    return _issue(world, old.user, old.scopes, lifetime_seconds, refreshable=True)


def client_credentials(world: World, scopes: frozenset[str]) -> AccessToken:
    """Issue a token for the app's own user, for 30 days and without a refresh token. Raises Refused."""
    if not world.client.client_credentials:
        raise Refused("unauthorized_client", "Client credentials tokens are not enabled for this application")
    world.client.installed, world.client.scopes = True, scopes
    return _issue(world, world.client.user, scopes, CLIENT_CREDENTIALS_LIFETIME_SECONDS, refreshable=False)


def revoke(world: World, value: str) -> bool:
    """Revoke an access or a refresh token, with the other of the pair; return whether there was one."""
    found = world.state.access_tokens.get(value) or world.state.refresh_tokens.get(value)
    if found is None or found.revoked:
        return False
    found.revoked = True
    return True


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a PKCE verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _issue(world: World, user: User, scopes: frozenset[str], lifetime_seconds: float, *, refreshable: bool) -> AccessToken:
    token = AccessToken(
        f"lin_oauth_{secrets.token_hex(32)}", user, scopes, world.now() + timedelta(seconds=lifetime_seconds),
        f"lin_refresh_{secrets.token_hex(32)}" if refreshable else None,
    )
    world.state.access_tokens[token.value] = token
    if token.refresh_token:
        world.state.refresh_tokens[token.refresh_token] = token
    return token
