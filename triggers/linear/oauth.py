"""Linear's OAuth: the address to authorize at, and the three grants that give tokens to the app as itself.

https://linear.app/developers/oauth-2-0-authentication and https://linear.app/developers/agents
"""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import urlencode

import httpx
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from app.errors import ServiceError

# Read and write of what the app sees; that issues can be delegated to it, and people can mention it.
SCOPES = "read,write,app:assignable,app:mentionable"
CONNECT = "enable client credentials for the app at Linear, or connect it by `bellhop linear connect`"


class Issued(BaseModel):
    """What Linear issues; `refresh_token` is empty for client credentials."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    access_token: SecretStr
    expires_in: float
    refresh_token: SecretStr = SecretStr("")


class LinearGrants:
    """The OAuth endpoints of one app. `api_url` is where tokens are issued, `web_url` where people agree."""

    def __init__(self, http: httpx.Client, *, api_url: str, web_url: str, client_id: str, client_secret: SecretStr) -> None:
        self._http = http
        self._token_url, self._web_url = f"{api_url.rstrip('/')}/oauth/token", web_url.rstrip("/")
        self._client_id, self._client_secret = client_id, client_secret

    def authorize_url(self, redirect_uri: str, state: str, verifier: str) -> str:
        """Return where an admin of the workspace puts the app in, as itself."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        return f"{self._web_url}/oauth/authorize?" + urlencode({
            "client_id": self._client_id, "redirect_uri": redirect_uri, "response_type": "code", "scope": SCOPES, "actor": "app",
            "state": state, "code_challenge": challenge, "code_challenge_method": "S256",
        })

    def by_code(self, code: str, redirect_uri: str, verifier: str) -> Issued:
        """Change a code, once, for tokens. Raises ServiceError."""
        return self._issued({"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "code_verifier": verifier})

    def by_refresh(self, refresh_token: SecretStr) -> Issued:
        """Change a refresh token for new tokens; from then on it is no good. Raises ServiceError."""
        return self._issued({"grant_type": "refresh_token", "refresh_token": refresh_token.get_secret_value()})

    def by_client(self) -> Issued:
        """Have a token issued for the workspace that the app belongs to. Raises ServiceError."""
        return self._issued({"grant_type": "client_credentials", "scope": SCOPES})

    def _issued(self, form: dict[str, str]) -> Issued:
        given = {**form, "client_id": self._client_id, "client_secret": self._client_secret.get_secret_value()}
        try:
            answer = self._http.post(self._token_url, data=given)
        except httpx.HTTPError as error:
            raise ServiceError(f"Linear does not answer ({type(error).__name__}): Bellhop tries again", reason="linear_unreachable") from None
        try:
            if answer.status_code == 200:
                return Issued.model_validate_json(answer.content)
            said = answer.json()
            slug = str(said.get("error", "")) if isinstance(said, dict) else ""
        except (ValueError, ValidationError):
            # Neither the answer nor what is wrong with it: it may hold a token.
            slug = ""
        if answer.status_code in (400, 401) and slug:
            raise ServiceError(
                f"Linear gives Bellhop no token ({slug[:60]}): {CONNECT}", status=answer.status_code,
                reason="linear_not_connected", retry_after_seconds=60.0,
            )
        raise ServiceError(f"Linear answered {answer.status_code}: Bellhop tries again", status=answer.status_code, reason="linear_unavailable")
