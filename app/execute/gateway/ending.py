"""Checking a runner's word on how its sandbox ended: a claim, held to what a runner can know."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError
from starlette.exceptions import HTTPException

from app.core.assignment import SandboxEnd
from app.core.noun import Noun
from app.execute.gateway.lines import clean


class _Claim(Noun):
    # A runner says `lost` when the work, or its result, broke in its hands; `out_of_memory` and `disk` the host says.
    reason: Literal["exited", "timeout", "idle", "cancelled", "refused", "service", "lost", "budget"]
    exit_code: Annotated[int, Field(ge=-255, le=255)] | None = None
    has_bundle: bool = False
    head_commit: Annotated[str, Field(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")] | None = None
    duration_ms: Annotated[int, Field(ge=0, lt=2**31)] = 0
    text: str = ""


def parse_end(body: dict[str, Any]) -> SandboxEnd:
    """Return the SandboxEnd that the runner claims. Raises HTTPException (400) naming the member that is wrong."""
    if isinstance(body.get("text"), str):
        body = {**body, "text": clean(body["text"])}
    try:
        claim = _Claim.model_validate(body, strict=True)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:100]
        raise HTTPException(400, clean(f"`{where}`: {first['msg']}")) from None
    return SandboxEnd.model_validate(claim.model_dump())
