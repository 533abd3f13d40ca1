"""Linear's own refusals: an error of GraphQL with `extensions` that say what it is.

https://linear.app/developers/graphql#errors and https://linear.app/developers/rate-limiting
"""

from __future__ import annotations

from typing import Any


class Problem(Exception):
    """A refusal. `http_status` is the answer's when the whole request is refused, else the answer is 200 with `errors`."""

    def __init__(self, message: str, *, code: str, type: str, told: str, http_status: int | None = None, **more: Any) -> None:  # noqa: A002 - Linear's own name
        super().__init__(message)
        self.http_status = http_status
        self.extensions: dict[str, Any] = {
            "type": type, "code": code, "statusCode": http_status or 400, "userError": True, "userPresentableMessage": told, "meta": {}, **more,
        }
        if http_status is not None:
            self.extensions["http"] = {"status": http_status}


def unauthenticated() -> Problem:
    """No token, or one that is unknown, expired or revoked: Linear does not say which."""
    return Problem(
        "Authentication required, not authenticated", code="AUTHENTICATION_ERROR", type="authentication error",
        told="You need to authenticate to access this operation.", http_status=401,
    )


def lacks_scope(scope: str) -> Problem:
    """The token was not granted this."""
    words = f"Invalid scope: `{scope}` required"
    return Problem(words, code="FORBIDDEN", type="forbidden", told=words, http_status=403)


def forbidden(told: str) -> Problem:
    """The caller may not do this to that."""
    return Problem(told, code="FORBIDDEN", type="forbidden", told=told)


def not_found(kind: str) -> Problem:
    """It does not exist, or this caller may not know that it does."""
    return Problem(f"Entity not found: {kind}", code="INPUT_ERROR", type="invalid input", told=f"Could not find referenced {kind}.")


def invalid(told: str) -> Problem:
    """An argument is wrong; `told` says which and why."""
    return Problem("Argument Validation Error", code="INVALID_INPUT", type="invalid input", told=told)


def too_complex(found: int, allowed: int) -> Problem:
    """One document asks for too much."""
    return Problem(
        "Query too complex", code="INPUT_ERROR", type="invalid input", http_status=400,
        told=f"The query is too complex. Complexity: {found}. Maximum allowed complexity: {allowed}.",
    )


def rate_limited(what: str, limit: float) -> Problem:
    """The caller has used up its hour; Linear answers 400, not 429."""
    return Problem(
        "Rate limit exceeded", code="RATELIMITED", type="ratelimited", http_status=400,
        told=f"Rate limit exceeded. Only {limit:g} {what} are allowed per 1 hour.",
    )


def invalid_document(message: str, locations: list[dict[str, int]] | None = None) -> dict[str, Any]:
    """Return the error of a document that is not GraphQL, or does not fit the schema."""
    shown: dict[str, Any] = {"message": message}
    if locations:
        shown["locations"] = locations
    return shown | {"extensions": {
        "http": {"status": 400, "headers": {}}, "code": "GRAPHQL_VALIDATION_FAILED", "type": "graphql error", "userError": True,
    }}
