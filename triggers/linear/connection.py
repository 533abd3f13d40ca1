"""Linear's GraphQL API: one document at a time, and what its errors mean.

https://linear.app/developers/graphql and https://linear.app/developers/rate-limiting
"""

from __future__ import annotations

import time
from typing import Any, Protocol

import httpx
from pydantic import SecretStr

from app.errors import ServiceError
from triggers.linear.documents import document

TIMEOUT_SECONDS = 15.0
# Linear's budgets fill again all the time: what the answer says is when they will be full, which nobody needs to wait for.
_LONGEST_WAIT_SECONDS = 300.0
_SHOWN_CHARACTERS = 300


class Tokens(Protocol):
    """Where the access token comes from."""

    def current(self) -> SecretStr:
        """Return one that should be good for some minutes. Raises ServiceError."""

    def refused(self, token: SecretStr) -> None:
        """Hear that Linear did not take it: the next is another one. Raises nothing."""


class LinearRefused(ServiceError):
    """Linear understood, and will not do it; `code` is its own word for why."""

    reason = "linear_refused"
    retryable = False

    def __init__(self, message: str, *, status: int, code: str, is_not_found: bool = False) -> None:
        super().__init__(message, status=status)
        self.code = code
        self.is_not_found = is_not_found


class LinearConnection:
    """A pool of connections to one API URL. `http` is closed with it."""

    def __init__(self, http: httpx.Client, api_url: str, tokens: Tokens) -> None:
        self._http, self._url, self._tokens = http, api_url, tokens

    def close(self) -> None:
        """Close the pool."""
        self._http.close()

    def ask(self, name: str, **variables: Any) -> dict[str, Any]:
        """Send the document of that name and return its data. Raises LinearRefused, ServiceError."""
        for is_last in (False, True):
            token = self._tokens.current()
            answer = self._post(name, variables, token)
            if answer.status_code != 401 or is_last:
                break
            self._tokens.refused(token)
        return _data(name, answer)

    def _post(self, name: str, variables: dict[str, Any], token: SecretStr) -> httpx.Response:
        try:
            return self._http.post(
                self._url, json={"query": document(name), "variables": variables},
                headers={"authorization": f"Bearer {token.get_secret_value()}", "user-agent": "bellhop"},
            )
        except httpx.HTTPError as error:
            raise ServiceError(f"Linear does not answer ({type(error).__name__}): Bellhop tries again", reason="linear_unreachable") from None


def _data(name: str, answer: httpx.Response) -> dict[str, Any]:
    if answer.status_code == 401:
        raise ServiceError(
            "Linear does not take Bellhop's token: see that the app is still in the workspace, or connect it again (`bellhop linear connect`)",
            status=401, reason="linear_unauthenticated",
        )
    try:
        body = answer.json()
    except ValueError:
        body = None
    if answer.status_code == 429 or _code_of(body) == "RATELIMITED":
        raise ServiceError(
            "Linear's hourly limit is used up: Bellhop tries again", status=429, reason="rate_limited", retry_after_seconds=_wait_seconds(answer),
        )
    if answer.status_code >= 500 or not isinstance(body, dict):
        raise ServiceError(f"Linear answered {answer.status_code}: Bellhop tries again", status=answer.status_code, reason="linear_unavailable")
    if error := _first_error(body):
        extensions = error.get("extensions") or {}
        message = str(error.get("message", ""))
        told = " ".join(str(extensions.get("userPresentableMessage") or message).split())[:_SHOWN_CHARACTERS]
        raise LinearRefused(
            f"Linear refused {name}: {told}", status=answer.status_code, code=str(extensions.get("code", "")),
            is_not_found=message.startswith("Entity not found"),
        )
    data = body.get("data")
    if not isinstance(data, dict):
        raise ServiceError(f"Linear answered {answer.status_code} without data: Bellhop tries again", status=answer.status_code, reason="linear_unavailable")
    return data


def _first_error(body: dict[str, Any]) -> dict[str, Any] | None:
    errors = body.get("errors")
    return errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else None


def _code_of(body: Any) -> str:
    error = _first_error(body) if isinstance(body, dict) else None
    return str(((error or {}).get("extensions") or {}).get("code", ""))


def _wait_seconds(answer: httpx.Response) -> float:
    """Return how long to leave Linear alone: as it says, at most five minutes."""
    if (said := answer.headers.get("retry-after", "")).isdigit():
        return min(float(said), _LONGEST_WAIT_SECONDS)
    resets = [answer.headers.get(f"x-ratelimit-{what}-reset", "") for what in ("requests", "complexity")]
    waits = [float(each) / 1000 - time.time() for each in resets if each.isdigit()]
    return min(max([*waits, 1.0]), _LONGEST_WAIT_SECONDS)
