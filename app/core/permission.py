"""What a person may do to a repository, weakest first, in GitHub's words."""

from __future__ import annotations

from typing import Literal

Permission = Literal["none", "read", "triage", "write", "maintain", "admin"]

PERMISSIONS: tuple[Permission, ...] = ("none", "read", "triage", "write", "maintain", "admin")


def may(actual: str | None, required: Permission) -> bool:
    """Return whether `actual` is `required` or more; a word that is not known here counts as nothing."""
    return actual in PERMISSIONS and PERMISSIONS.index(actual) >= PERMISSIONS.index(required)
