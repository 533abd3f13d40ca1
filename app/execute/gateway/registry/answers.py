"""The gateway's own answers on `/registry`, in a shape that npm shows and no client takes for a package."""

from __future__ import annotations

import json
import ssl

from starlette.responses import Response


def error(status: int, reason: str, message: str, retry_after: str | None = None) -> Response:
    """Return an answer; `error` is what npm prints, `reason` a slug for programs."""
    headers = {"retry-after": retry_after} if retry_after and retry_after.isascii() and len(retry_after) < 40 else {}
    return Response(json.dumps({"error": message, "reason": reason}), status, media_type="application/json", headers=headers)


def no_answer(failed: BaseException) -> str:
    """Return why a registry could not be asked, in Bellhop's words: the error's own text may quote a header."""
    cause: BaseException | None = failed
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "its certificate is by no authority that this host trusts: Bellhop's operator looks at BELLHOP_CA_BUNDLE"
        cause = cause.__cause__ or cause.__context__
    return f"did not answer ({type(failed).__name__})"


def upstream_error(status: int, name: str, why: str, retry_after: str | None = None) -> Response:
    """Return what stands for a registry's failure; `status` is what it said, 0 for nothing."""
    if status in (401, 407):
        # Passed on, it would make a client ask its user for a password.
        return error(502, "bellhop_upstream", f"registry {name} does not take this Bellhop's token: its operator looks at the entry")
    if status in (403, 404, 410, 429, 451, 500, 502, 503, 504):
        return error(status, "bellhop_upstream", f"registry {name} answered {status}", retry_after)
    return error(502, "bellhop_upstream", f"registry {name}: {why}")
