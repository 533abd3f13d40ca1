"""GitHub's own refusals: status, `message`, `documentation_url`, `status`, sometimes `errors`.

https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api
"""

from __future__ import annotations

from typing import Any

DOCS = "https://docs.github.com/rest"


class Problem(Exception):
    """An answer that is an error of the caller; `headers` go out with it."""

    def __init__(
        self, status: int, message: str, *, docs: str = DOCS, errors: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None, url: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.body: dict[str, Any] = {"message": message}
        if url is not None:
            self.body["url"] = url
        if errors is not None:
            self.body["errors"] = errors
        self.body |= {"documentation_url": docs, "status": str(status)}


def bad_credentials() -> Problem:
    """The token is unknown, expired or revoked."""
    return Problem(401, "Bad credentials")


def requires_authentication() -> Problem:
    """Nobody may do this without a token."""
    return Problem(401, "Requires authentication")


def not_found() -> Problem:
    """It does not exist, or this caller may not know that it does."""
    return Problem(404, "Not Found")


def not_by_integration() -> Problem:
    """The App's token lacks the permission, or this is not for Apps."""
    return Problem(403, "Resource not accessible by integration")


def invalid(resource: str, field: str, code: str) -> Problem:
    """A member of the request is missing or wrong."""
    return Problem(422, "Validation Failed", errors=[{"resource": resource, "field": field, "code": code}])


def refused(resource: str, message: str) -> Problem:
    """The request is well-formed and cannot be done; `message` is GitHub's sentence."""
    errors = [{"resource": resource, "code": "custom", "message": message}]
    return Problem(422, "Validation Failed", errors=errors)
