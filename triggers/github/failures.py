"""What went wrong at GitHub, in our own words: one ServiceError for whatever PyGithub raises."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests
from github.GithubException import BadAttributeException, GithubException

from app.core.line.throttle import is_stated, retry_after_seconds
from app.errors import ServiceError

_REASONS = {
    401: ("github_unauthorized", "the token has expired or was revoked; a new one is minted for the next try"),
    403: ("github_forbidden", "give the GitHub App the permission that this needs, and have the installation accept it"),
    404: ("github_not_found", "the repository, or what is asked for in it, is not there or not open to the GitHub App"),
    422: ("github_invalid", "GitHub does not take this request"),
}


@contextmanager
def as_service_error(what: str) -> Iterator[None]:
    """Turn what PyGithub and `requests` raise within the block into a ServiceError about `what`."""
    try:
        yield
    except GithubException as error:
        raise _of_answer(what, error) from error
    except requests.RequestException as error:
        raise ServiceError(
            f"{what}: GitHub cannot be reached ({type(error).__name__}); "
            "check BELLHOP_GITHUB_API_URL, BELLHOP_OUTBOUND_PROXY and BELLHOP_CA_BUNDLE",
            reason="github_unreachable",
        ) from error
    except (BadAttributeException, AssertionError, RuntimeError, KeyError, TypeError, ValueError) as error:
        # PyGithub's own complaints about an answer of an unexpected shape, or a redirection to another host.
        raise ServiceError(
            f"{what}: GitHub's answer cannot be read ({type(error).__name__}: {str(error)[:200]})",
            reason="github_answer", retryable=False,
        ) from error


def is_limit(status: int, headers: Mapping[str, str], said: str = "") -> bool:
    """Return whether an answer is that of a rate limit."""
    return retry_after_seconds(status, {name.lower(): value for name, value in headers.items()}, said, time.time()) is not None


def _of_answer(what: str, error: GithubException) -> ServiceError:
    said = message_of(error)
    headers = {str(name).lower(): str(value) for name, value in (error.headers or {}).items()}
    wait_seconds = retry_after_seconds(error.status, headers, said, time.time())
    if wait_seconds is not None:
        return ServiceError(
            f"{what}: GitHub asks us to wait {wait_seconds:.0f} s ({said})",
            status=error.status, reason="github_rate_limited", retry_after_seconds=wait_seconds,
            is_wait_stated=is_stated(headers),
        )
    if error.status >= 500:
        return ServiceError(f"{what}: GitHub answered {error.status} ({said})", status=error.status, reason="github_down")
    reason, advice = _REASONS.get(error.status, ("github_refused", "GitHub refused"))
    return ServiceError(
        f"{what}: {advice} (GitHub answered {error.status}: {said})",
        status=error.status, reason=reason, retryable=error.status in (401, 409),
    )


def message_of(error: GithubException) -> str:
    """Return what GitHub said, with the field errors of a 422, on one line."""
    data: Any = error.data
    if not isinstance(data, dict):
        return "no message"
    errors = data.get("errors")
    details = [
        str(item.get("message") or item.get("code") or "") if isinstance(item, dict) else str(item)
        for item in (errors if isinstance(errors, list) else [])
    ]
    # GraphQL's errors have no sentence above them.
    own = [] if details and data.get("message") is None else [str(data.get("message"))]
    return " ".join("; ".join([*own, *details]).split())[:300]
