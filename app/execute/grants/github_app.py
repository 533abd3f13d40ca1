"""From a Grant to a GitHub App installation token, and back.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-an-installation-access-token-for-a-github-app
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from pydantic import JsonValue, SecretStr

from app.core.event import Repo
from app.core.grant import Credential, Grant
from app.core.line.throttle import is_stated, retry_after_seconds
from app.core.line.turns import Pace, Unpaced, counted_as_app, counted_by
from app.core.roster import Known
from app.errors import ConfigurationError, GrantRefused, ServiceError
from app.execute.grants.outbound import client
from app.execute.grants.private_key import load_private_key
from app.execute.grants.request import token_path, token_request, wanted_permissions
from app.settings import Settings

# GitHub takes a JWT that is valid for ten minutes at most, by its own clock, and ours may be ahead of it.
# https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
JWT_BACKDATE_SECONDS = 60
JWT_LIFETIME_SECONDS = 8 * 60

_SOURCE = "github"
_TOKEN_LIMIT_CHARACTERS = 8192
# Of a hundred each: no list that is longer is read to its end.
_MOST_PAGES = 100

_MENDS = {
    401: (
        "app_unauthorized",
        "GitHub does not know this App: check that BELLHOP_GITHUB_APP_ID and the private key belong together, "
        "and that this host's clock is right",
    ),
    403: ("app_forbidden", "GitHub refused: check that the App's installation is not suspended"),
    404: ("app_not_installed", "the GitHub App is not installed on this repository: install it there"),
    422: (
        "grant_exceeds_installation",
        "the installation does not hold what is asked for: give the GitHub App these permissions, have its "
        "installation accept them, and see that the repository is among those it is installed on",
    ),
}


class GitHubApp:
    """The TokenMinter of a GitHub App.

    `app_id` is the App's id or client id; `private_key` what load_private_key() returns; `api_url` the REST API;
    `clock` gives seconds since 1970; `pace` says whose turn it is to ask (None: nobody else asks). Any method raises Paced, a ServiceError, where it
    is not yet ours. Tokens are no content: they wait for what GitHub asks, but not for the second between writes. Thread-safe. Close it at the end.
    """

    def __init__(
        self, *, app_id: str, private_key: RSAPrivateKey, api_url: str, ca_bundle: Path | None = None,
        proxy: str | None = None, timeout_seconds: float = 15.0, clock: Callable[[], float] = time.time, pace: Pace | None = None,
    ) -> None:
        self._app_id = app_id
        self._private_key = private_key
        self._clock = clock
        self._pace = pace or Unpaced()
        self._http = client(api_url, ca_bundle=ca_bundle, proxy=proxy, timeout_seconds=timeout_seconds)

    @classmethod
    def from_settings(cls, settings: Settings, pace: Pace | None = None) -> GitHubApp:
        """Return the minter that the settings describe. Raises ConfigurationError."""
        if not settings.github_app_id.strip():
            raise ConfigurationError(
                "the GitHub App's id is not set: set BELLHOP_GITHUB_APP_ID to the id on your GitHub App's settings page"
            )
        return cls(
            app_id=settings.github_app_id.strip(),
            private_key=load_private_key(settings.github_private_key, settings.github_private_key_file),
            api_url=settings.github_api_url,
            ca_bundle=settings.ca_bundle,
            proxy=settings.outbound_proxy,
            pace=pace,
        )

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def request(self, grant: Grant) -> dict[str, JsonValue]:
        """Return the body that `mint` sends."""
        return token_request(grant)

    def about(self) -> dict[str, Any]:
        """Return the App as GitHub knows it: slug, id, permissions, events. Raises GrantRefused, ServiceError.

        https://docs.github.com/en/rest/apps/apps#get-the-authenticated-app
        """
        return self._call("GET", "/app", "asking for the App")

    def describe(self) -> str:
        """Return one line about the App. Raises GrantRefused, ServiceError."""
        app = self.about()
        return f"{app.get('slug')} (id {app.get('id')}), permissions {app.get('permissions')}"

    def find_repo(self, full_name: str) -> Repo:
        """Return a repository that the App is installed on. Raises GrantRefused, ServiceError, ConfigurationError."""
        if not re.fullmatch(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+", full_name):
            raise ConfigurationError(f"a repository is named owner/name, not {full_name!r}")
        what = f"looking for {full_name}"
        found = self._call("GET", f"/repos/{full_name}/installation", what).get("id")
        who = f"{_SOURCE} {found}"
        body: dict[str, JsonValue] = {"repositories": [full_name.split("/")[1]], "permissions": {"metadata": "read"}}
        token = str(self._call("POST", f"/app/installations/{found}/access_tokens", what, body=body).get("token", ""))
        try:
            answer = self._send("GET", f"/repos/{full_name}", what, token, who=who)
        finally:
            self._send("DELETE", "/installation/token", what, token, who=who)
        if not answer.is_success:
            raise self._failure(answer, what)
        data = answer.json()
        return Repo(
            id=data["id"], full_name=data["full_name"], default_branch=data["default_branch"], installation_id=found
        )

    def installations(self) -> list[tuple[int, bool]]:
        """Return the App's installations: (number, whether it is suspended). Raises GrantRefused, ServiceError.

        https://docs.github.com/en/rest/apps/apps#list-installations-for-the-authenticated-app
        """
        what, found = "listing the App's installations", []
        for page in range(1, _MOST_PAGES + 1):
            answer = self._send("GET", f"/app/installations?per_page=100&page={page}", what, self._jwt())
            rows = self._rows(answer, what, None)
            found += [(int(row["id"]), row.get("suspended_at") is not None) for row in rows]
            if len(rows) < 100:
                break
        return found

    def repositories_of(self, installation_id: int) -> tuple[Known, ...]:
        """Return what an installation covers. Raises GrantRefused, ServiceError.

        This takes the one kind of token that is not for a single repository; it reads metadata, and is revoked at once.
        https://docs.github.com/en/rest/apps/installations#list-repositories-accessible-to-the-app-installation
        """
        what, found = f"listing the repositories of installation {installation_id}", list[Known]()
        who, asked = f"{_SOURCE} {installation_id}", dict[str, JsonValue]({"permissions": {"metadata": "read"}})
        token = str(self._call("POST", f"/app/installations/{installation_id}/access_tokens", what, body=asked).get("token", ""))
        try:
            for page in range(1, _MOST_PAGES + 1):
                answer = self._send("GET", f"/installation/repositories?per_page=100&page={page}", what, token, who=who)
                rows = self._rows(answer, what, "repositories")
                found += [
                    Known(id=row["id"], full_name=row["full_name"], default_branch=row["default_branch"], archived=row["archived"])
                    for row in rows
                ]
                if len(rows) < 100:
                    break
        finally:
            self._send("DELETE", "/installation/token", what, token, who=who)
        return tuple(found)

    def mint(self, grant: Grant) -> Credential:
        """Mint an installation token for exactly this grant. Raises GrantRefused, ServiceError."""
        what = f"minting a token for {grant.repo.full_name}"
        with self._pace.turn(counted_by(_SOURCE, grant.repo), "begin"):
            # A token that is not to be used now is not asked for.
            installation_id = grant.repo.installation_id or self._installation(grant.repo)
        answer = self._call("POST", token_path(grant.repo, installation_id), what, body=self.request(grant))
        token = answer.get("token")
        # What a token looks like is GitHub's business; that it fits into a header is ours.
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or " " in token or not token:
            raise ServiceError(f"{what}: GitHub's answer holds no token", reason="github_answer")
        if len(token) > _TOKEN_LIMIT_CHARACTERS:
            raise ServiceError(f"{what}: the token has {len(token)} characters", reason="github_answer")
        credential = Credential(
            id=fingerprint(token), grant=grant, token=SecretStr(token), expires_at=str(answer.get("expires_at", ""))
        )
        difference = _difference(grant, answer)
        if difference:
            fate = "the token was revoked"
            try:
                self.revoke(credential)
            except ServiceError:
                fate = f"the token could not be revoked and lives until {credential.expires_at}"
            raise GrantRefused(
                f"{what}: GitHub granted something else than was asked ({difference}); {fate}", reason="grant_differs"
            )
        return credential

    def revoke(self, credential: Credential) -> None:
        """Revoke the token; a dead one is no error. Raises ServiceError.

        https://docs.github.com/en/rest/apps/installations#revoke-an-installation-access-token
        """
        what = f"revoking {credential.id}"
        who = counted_by(_SOURCE, credential.grant.repo)
        answer = self._send("DELETE", "/installation/token", what, credential.token.get_secret_value(), who=who)
        if answer.status_code not in (204, 401, 404):
            raise self._failure(answer, what)

    def _installation(self, repo: Repo) -> int:
        what = f"looking up the App's installation on {repo.full_name}"
        found = self._call("GET", f"/repos/{quote(repo.full_name)}/installation", what).get("id")
        if not isinstance(found, int):
            raise ServiceError(f"{what}: GitHub's answer holds no id", reason="github_answer")
        return found

    def _rows(self, answer: httpx.Response, what: str, under: str | None) -> list[dict[str, Any]]:
        if not answer.is_success:
            raise self._failure(answer, what)
        try:
            data = answer.json()
            return list(data if under is None else data[under])
        except (ValueError, KeyError, TypeError) as error:
            raise ServiceError(f"{what}: GitHub's answer is no list", reason="github_answer") from error

    def _call(self, method: str, path: str, what: str, body: dict[str, JsonValue] | None = None) -> dict[str, Any]:
        answer = self._send(method, path, what, self._jwt(), body)
        if not answer.is_success:
            raise self._failure(answer, what)
        try:
            data = answer.json()
        except ValueError as error:
            raise ServiceError(f"{what}: GitHub's answer is no JSON", reason="github_answer") from error
        if not isinstance(data, dict):
            raise ServiceError(f"{what}: GitHub's answer is no object", reason="github_answer")
        return data

    def _send(
        self, method: str, path: str, what: str, bearer: str, body: dict[str, JsonValue] | None = None, *, who: str = counted_as_app(_SOURCE),
    ) -> httpx.Response:
        try:
            with self._pace.turn(who, "read") as turn:
                answer = self._http.request(method, path, json=body, headers={"Authorization": f"Bearer {bearer}"})
                turn.heard(answer.status_code, answer.headers, "" if answer.is_success else _message(answer))
                return answer
        except httpx.HTTPError as error:
            raise ServiceError(
                f"{what}: GitHub cannot be reached ({type(error).__name__}); "
                "check BELLHOP_GITHUB_API_URL, BELLHOP_OUTBOUND_PROXY and BELLHOP_CA_BUNDLE",
                reason="github_unreachable",
            ) from error

    def _failure(self, answer: httpx.Response, what: str) -> GrantRefused | ServiceError:
        status, said = answer.status_code, _message(answer)
        wait_seconds = retry_after_seconds(status, answer.headers, said, self._clock())
        if wait_seconds is not None:
            return ServiceError(
                f"{what}: GitHub asks us to wait {wait_seconds:.0f} s ({said})",
                status=status, reason="github_rate_limited", retry_after_seconds=wait_seconds,
                is_wait_stated=is_stated(answer.headers),
            )
        if status in _MENDS:
            # What GitHub says of a JWT whose App id it does not know.
            reason, mend = _MENDS[401 if said == "Integration not found" else status]
            return GrantRefused(f"{what}: {mend} (GitHub answered {status}: {said})", reason=reason)
        return ServiceError(f"{what}: GitHub answered {status} ({said})", status=status, reason="github_down")

    def _jwt(self) -> str:
        now = int(self._clock())
        claims = {"iat": now - JWT_BACKDATE_SECONDS, "exp": now + JWT_LIFETIME_SECONDS, "iss": self._app_id}
        return jwt.encode(claims, self._private_key, algorithm="RS256")


def fingerprint(token: str) -> str:
    """Return the name by which a token may be logged."""
    return "ghs-" + hashlib.sha256(token.encode()).hexdigest()[:12]


def _difference(grant: Grant, answer: dict[str, Any]) -> str:
    """Return how the token differs from the grant, or an empty string."""
    if answer.get("permissions") != wanted_permissions(grant):
        return f"permissions {answer.get('permissions')}"
    if answer.get("repository_selection") != "selected":
        return f"repository_selection {answer.get('repository_selection')}"
    repositories = answer.get("repositories")
    # The list of repositories is optional in GitHub's own schema.
    if repositories is not None and [entry.get("id") for entry in repositories] != [grant.repo.id]:
        return "repositories"
    return ""


def _message(answer: httpx.Response) -> str:
    try:
        data = answer.json()
    except ValueError:
        return "no message"
    return " ".join(str(data.get("message")).split())[:300] if isinstance(data, dict) else "no message"
