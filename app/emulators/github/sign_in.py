"""Signing in to an App with GitHub: codes, and the tokens of people that an App gets for them.

https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-user-access-token-for-a-github-app
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.emulators.github.state import App, User

CODE_SECONDS = 600
TOKEN_SECONDS = 28_800
REFRESH_SECONDS = 15_897_600
ERRORS = "https://docs.github.com/apps/managing-oauth-apps/troubleshooting-oauth-app-access-token-request-errors/"


@dataclass
class Code:
    """A code that a browser carries back to the App, once; `challenge` is the S256 challenge that it was asked for with."""

    user: User
    redirect_uri: str
    challenge: str
    expires_at: datetime


@dataclass
class UserToken:
    """What an App holds to act for a person."""

    value: str
    user: User
    expires_at: datetime


class Authorizations:
    """Who is signed in at this GitHub in which browser, who has authorised the App, its codes and its people's tokens."""

    def __init__(self) -> None:
        self.browsers: dict[str, User] = {}
        self.authorised: set[int] = set()
        self.codes: dict[str, Code] = {}
        self.tokens: dict[str, UserToken] = {}
        # How many tokens were ever issued: those that were revoked count too.
        self.issued = 0

    def live(self, value: str, now: datetime) -> UserToken | None:
        """Return a token that works now."""
        found = self.tokens.get(value)
        return found if found and found.expires_at > now else None

    def code_for(self, user: User, redirect_uri: str, challenge: str, now: datetime) -> str:
        """Return a new code."""
        value = secrets.token_hex(10)
        self.codes[value] = Code(user, redirect_uri, challenge, now + timedelta(seconds=CODE_SECONDS))
        return value

    def exchange(self, app: App, given: Mapping[str, str], now: datetime) -> dict[str, Any]:
        """Return the token for a code, or GitHub's error, which comes with status 200 as well."""
        is_app = given.get("client_id") == app.client_id and hmac.compare_digest(given.get("client_secret", "").encode(), app.client_secret.encode())
        if not is_app:
            return _error("incorrect_client_credentials", "The client_id and/or client_secret passed are incorrect.")
        code = self.codes.pop(given.get("code", ""), None)
        if code is None or code.expires_at <= now or not _proves(code.challenge, given.get("code_verifier", "")):
            return _error("bad_verification_code", "The code passed is incorrect or expired.")
        if given.get("redirect_uri", code.redirect_uri) != code.redirect_uri:
            return _error("redirect_uri_mismatch", "The redirect_uri MUST match the registered callback URL for this application.")
        token = UserToken(f"ghu_{secrets.token_hex(18)}", code.user, now + timedelta(seconds=TOKEN_SECONDS))
        self.tokens[token.value] = token
        self.issued += 1
        return {
            "access_token": token.value, "expires_in": TOKEN_SECONDS, "refresh_token": f"ghr_{secrets.token_hex(38)}",
            "refresh_token_expires_in": REFRESH_SECONDS, "scope": "", "token_type": "bearer",
        }


def _proves(challenge: str, verifier: str) -> bool:
    """Return whether a verifier is the challenge's (RFC 7636, section 4.6)."""
    made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    return not challenge or hmac.compare_digest(made.encode(), challenge.encode())


def _error(slug: str, says: str) -> dict[str, Any]:
    return {"error": slug, "error_description": says, "error_uri": f"{ERRORS}#{slug.replace('_', '-')}"}
