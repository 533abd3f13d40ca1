"""What a client of `/git` or `/github` is told when its request does not pass, in the form that it reads."""

from __future__ import annotations

import json

from starlette.responses import Response

from app.execute.gateway.repository.paths import Refusal, Surface


def refused(surface: Surface, status: int, why: str, *, is_lfs: bool = False) -> Response:
    """Return an answer with one sentence: JSON as GitHub's API gives it, plain text that git prints, or git-lfs's JSON.

    https://docs.github.com/en/rest, https://git-scm.com/docs/http-protocol,
    https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md#response-errors
    """
    text = f"Bellhop: {why}"
    if is_lfs:
        return Response(json.dumps({"message": text}), status, media_type="application/vnd.git-lfs+json")
    if surface == "github":
        return Response(json.dumps({"message": text, "status": str(status)}), status, media_type="application/json")
    return Response(text + "\n", status, media_type="text/plain")


def told(refusal: Refusal, surface: Surface, repository: str) -> Response:
    """Return the answer to a request that was not admitted."""
    hint = {
        "git": f"; a profile gives a run `git fetch` of {repository}, and nothing else without `egress: connect:`",
        "github": f"; a profile gives a run GET /repos/{repository} and below",
    }[surface]
    return refused(surface, 403, refusal.why + hint, is_lfs=refusal.is_lfs)
