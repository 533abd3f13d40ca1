"""What a sandbox's door lets through, decided by the worker and kept by the gateway."""

from __future__ import annotations

from app.core.line.budget import Budget
from app.core.noun import Noun


class DoorRules(Noun):
    """Everything but the models that the assignment names.

    `connect` and `registries` are those of the profile's `egress:`; `repository` is the full name (`owner/name`) of the
    one repository that `/git` and `/github` read (None: neither is there); `has_tools` says whether `/mcp` is there, `is_review` whether
    it takes comments on lines of a change.
    """

    budget: Budget = Budget()
    fallback_model: str | None = None
    connect: tuple[str, ...] = ()
    registries: tuple[str, ...] = ()
    repository: str | None = None
    has_tools: bool = False
    is_review: bool = False
