"""What a run may touch, as data before any secret exists, and the short-lived secret minted from it."""

from __future__ import annotations

from typing import Literal

from pydantic import SecretStr

from app.core.event import Repo
from app.core.noun import Noun

Access = Literal["read", "write"]


class Grant(Noun):
    """A request for one credential: exactly one repository and an explicit permission set."""

    purpose: Literal["authorise", "workspace", "reply", "publish", "ci"]
    repo: Repo
    permissions: dict[str, Access]

    @property
    def says(self) -> str:
        """The permissions in words, such as `contents: write, pull_requests: write`."""
        return ", ".join(f"{name}: {access}" for name, access in sorted(self.permissions.items()))


class Credential(Noun):
    """A short-lived secret minted from a Grant; its token does not print.

    `id` is a fingerprint that may be logged; `expires_at` is ISO 8601, as the service said.
    """

    id: str
    grant: Grant
    token: SecretStr
    expires_at: str
