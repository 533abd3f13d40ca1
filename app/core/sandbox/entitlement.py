"""What a run's token may hold: what the profile asks for, and of that only what the person who rang could see too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from app.core.grant import Access
from app.core.permission import Permission, may

# The least role with which a person sees on GitHub what an App's permission of that name reads. Alerts about the code
# are for those who may write it; what is not named here (administration, secrets, hooks, ...) is the repository's
# administrators'.
# https://docs.github.com/en/organizations/managing-user-access-to-your-organizations-repositories/managing-repository-roles/repository-roles-for-an-organization
_READS: dict[str, Permission] = {
    **dict.fromkeys(
        ("actions", "checks", "contents", "deployments", "discussions", "issues", "metadata", "packages", "pages",
         "pull_requests", "statuses"),
        "read",
    ),
    "security_events": "write",
}
# Writing is the same for everybody here: more than triage, and for the rest what reading takes.
_WRITES: Permission = "write"


class Entitlement(NamedTuple):
    """`permissions` may be asked for; `left_out` are the names that the profile states and this person has not."""

    permissions: dict[str, Access]
    left_out: tuple[str, ...]


def needed_role(name: str, access: Access) -> Permission:
    """Return the least role of a person for whom a token may hold this permission."""
    reads = _READS.get(name, "admin")
    return reads if access == "read" or may(reads, _WRITES) else _WRITES


def entitled(asked: Mapping[str, Access], role: str) -> Entitlement:
    """Return what of `asked` a person with this live role may have a token for; an unknown role has nothing."""
    held = {name: access for name, access in asked.items() if may(role, needed_role(name, access))}
    return Entitlement(held, tuple(sorted(set(asked) - set(held))))
