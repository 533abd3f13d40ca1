"""GitHub's side of signing in: where a browser is sent, and who comes back with which repositories.

https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-user-access-token-for-a-github-app
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx2
import structlog
from authlib.integrations.base_client import OAuthError  # type: ignore[import-untyped]  # it has no types
from authlib.integrations.httpx_client import AsyncOAuth2Client  # type: ignore[import-untyped]  # likewise
from pydantic import BaseModel, ValidationError

from app.errors import BellhopError, ConfigurationError
from app.observe.signin.options import SigninOptions

log = structlog.get_logger()

TIMEOUT_SECONDS = 10.0
# So many sign-ins ask GitHub at once; others wait their turn, as long as that takes no longer than this.
AT_ONCE = 8
# For all that is asked of GitHub while a browser waits.
ALTOGETHER_SECONDS = 30.0
PER_PAGE = 100
# So many pages of installations are read, and so many of repositories of each: nobody may be kept waiting for ever.
PAGES_OF_INSTALLATIONS = 1
PAGES_OF_REPOSITORIES = 20


class SigninFailed(BellhopError):
    """GitHub did not say who this is."""


class Person(NamedTuple):
    """Who has signed in; `repositories` are the ids of those that they may read by a grant of their own, and that the App is installed on."""

    github_id: int
    login: str
    repositories: frozenset[int]


class _User(BaseModel):
    id: int
    login: str


class _Installation(BaseModel):
    id: int
    suspended_at: str | None = None


class _Repository(BaseModel):
    id: int
    permissions: dict[str, bool] = {}


class GitHub:
    """The App's own OAuth client. A person's token lives for as long as one call of `person`, and is in no file and no log.

    Raises ConfigurationError for a bad CA bundle.
    """

    def __init__(self, options: SigninOptions) -> None:
        self._options = options
        self._turns = asyncio.Semaphore(AT_ONCE)
        try:
            self._trusted = ssl.create_default_context(cafile=None if options.ca_bundle is None else str(options.ca_bundle))
        except OSError as error:
            raise ConfigurationError(f"BELLHOP_CA_BUNDLE ({options.ca_bundle}) cannot be read as certificates in PEM form: {error}") from error

    def address(self, state: str, verifier: str) -> str:
        """Return where to send a browser; PKCE (S256) binds the code that comes back to `verifier`."""
        url, _ = self._client().create_authorization_url(f"{self._options.web_url.rstrip('/')}/login/oauth/authorize", state=state, code_verifier=verifier)
        return str(url)

    async def person(self, code: str, verifier: str) -> Person:
        """Return who came back with a code, and take the token back that it was exchanged for. Raises SigninFailed."""
        try:
            async with asyncio.timeout(ALTOGETHER_SECONDS), self._turns, self._client() as client:
                token = await client.fetch_token(f"{self._options.web_url.rstrip('/')}/login/oauth/access_token", code=code, code_verifier=verifier)
                try:
                    return await self._person(client)
                finally:
                    await self._revoke(client, str(token["access_token"]))
        except OAuthError as error:
            # GitHub's slug, `bad_verification_code`: no words of anybody's, and no token.
            raise SigninFailed(f"GitHub refuses this ({str(error.error)[:60]}): sign in once more", reason="signin_refused") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, ValidationError, ValueError, KeyError) as error:
            log.warning("signin_not_answered", error=type(error).__name__)
            raise SigninFailed("GitHub does not answer as it should: try again in a moment", reason="github_unavailable", retryable=True) from error

    def _client(self) -> Any:
        return AsyncOAuth2Client(
            self._options.client_id, self._options.client_secret.get_secret_value(), token_endpoint_auth_method="client_secret_post",  # noqa: S106 - a method's name
            code_challenge_method="S256", redirect_uri=self._options.callback_url, verify=self._trusted, proxy=self._options.proxy or None,
            trust_env=False, follow_redirects=False, timeout=TIMEOUT_SECONDS, headers={"User-Agent": "bellhop"},
        )

    async def _person(self, client: Any) -> Person:
        user = _User.model_validate(await self._get(client, "/user"))
        found: set[int] = set()
        async for each in self._pages(client, "/user/installations", "installations", PAGES_OF_INSTALLATIONS):
            installation = _Installation.model_validate(each)
            if installation.suspended_at is None:
                async for repository in self._pages(client, f"/user/installations/{installation.id}/repositories", "repositories", PAGES_OF_REPOSITORIES):
                    one = _Repository.model_validate(repository)
                    if one.permissions.get("pull"):
                        found.add(one.id)
        return Person(user.id, user.login, frozenset(found))

    async def _pages(self, client: Any, path: str, under: str, most: int) -> AsyncIterator[Any]:
        for number in range(1, most + 1):
            page = (await self._get(client, f"{path}?per_page={PER_PAGE}&page={number}"))[under]
            for each in page:
                yield each
            if len(page) < PER_PAGE:
                return
        log.warning("signin_list_cut", under=under, pages=most)

    async def _get(self, client: Any, path: str) -> Any:
        answer = await client.get(f"{self._options.api_url.rstrip('/')}{path}", headers={"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"})
        answer.raise_for_status()
        return answer.json()

    async def _revoke(self, client: Any, token: str) -> None:
        """Have the token end now rather than in eight hours; where GitHub does not do it, it was used for nothing else and is forgotten."""
        options = self._options
        try:
            answer = await client.request(
                "DELETE", f"{options.api_url.rstrip('/')}/applications/{options.client_id}/token", auth=(options.client_id, options.client_secret.get_secret_value()),
                json={"access_token": token}, headers={"Accept": "application/vnd.github+json"},
            )
            answer.raise_for_status()
        except httpx2.HTTPError as error:
            log.warning("signin_token_not_revoked", error=type(error).__name__)
