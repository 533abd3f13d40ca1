"""The vendors' errors, each in its own shape.

https://platform.claude.com/docs/en/api/errors https://platform.openai.com/docs/guides/error-codes
https://ai.google.dev/gemini-api/docs/troubleshooting
"""

from __future__ import annotations

from typing import Any

from app.emulators.model.answer import Answer, document
from app.emulators.model.call import Api

_ANTHROPIC = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
    409: "conflict_error", 413: "request_too_large", 429: "rate_limit_error", 500: "api_error", 502: "api_error",
    503: "api_error", 504: "timeout_error", 529: "overloaded_error",
}
_GEMINI = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}
_OPENAI = {401: "invalid_request_error", 403: "invalid_request_error", 429: "requests"}
_OPENAI_CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}

# What the vendors' own clients go by, over the status: there is no use in sending this request again.
FINAL = ("x-should-retry", "false")


def problem(
    api: Api, status: int, message: str, request_id: str, headers: tuple[tuple[str, str], ...] = (),
    code: str | None = None,
) -> Answer:
    """Return an error as the vendor sends it; `code` is OpenAI's slug, or Google's reason, where it is not the status's usual one."""
    body: dict[str, Any]
    if api == "anthropic":
        body = {
            "type": "error", "error": {"type": _ANTHROPIC.get(status, "api_error"), "message": message},
            "request_id": f"req_{request_id}",
        }
        return document(body, status, (("request-id", f"req_{request_id}"), *headers))
    if api == "gemini":
        error: dict[str, Any] = {"code": status, "message": message, "status": _GEMINI.get(status, "UNKNOWN")}
        if code:
            reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": code, "domain": "googleapis.com"}
            error["details"] = [reason]
        return document({"error": error}, status, headers)
    kind = _OPENAI.get(status, "server_error" if status >= 500 else "invalid_request_error")
    body = {"error": {"message": message, "type": kind, "param": None, "code": code or _OPENAI_CODES.get(status)}}
    return document(body, status, (("x-request-id", f"req_{request_id}"), *headers))
