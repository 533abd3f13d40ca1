"""Bellhop's own answers at a model API, in the shape that the vendor's clients read."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.responses import Response

from app.execute.gateway.admit import Api

# https://cloud.google.com/apis/design/errors#handling_errors; there is no word for 402.
_GOOGLE = {
    402: "FAILED_PRECONDITION", 403: "PERMISSION_DENIED", 408: "DEADLINE_EXCEEDED", 429: "RESOURCE_EXHAUSTED",
    502: "UNAVAILABLE", 503: "UNAVAILABLE", 529: "UNAVAILABLE",
}
# What may go better soon; for everything else there is no use in asking again.
_PASSING = frozenset({429, 502, 529})


def vendor_error(
    api: Api, status: int, kind: str, message: str, headers: Mapping[str, str] | None = None, *, again: bool = False
) -> Response:
    """Return an error; `again` says that the same request may pass later, whatever its status."""
    if api == "gemini":
        reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": kind, "domain": "bellhop"}
        word = _GOOGLE.get(status, "INVALID_ARGUMENT")
        body: dict[str, object] = {"error": {"code": status, "message": message, "status": word, "details": [reason]}}
    else:
        # One shape that Anthropic's and OpenAI's clients both read.
        body = {"type": "error", "error": {"type": kind, "message": message, "param": None, "code": kind}}
    # Their own libraries go by `x-should-retry`, over the status.
    final = {} if again or status in _PASSING else {"x-should-retry": "false"}
    return Response(json.dumps(body), status, media_type="application/json", headers={**final, **(headers or {})})
