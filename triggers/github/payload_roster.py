"""The members of `installation`, `installation_repositories` and `repository` deliveries that Bellhop reads.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#installation
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from triggers.github.payload import Branch, FullName, Id, Installation
from triggers.members import Members

# GitHub names all of an account's repositories; what is cut here, the slow look finds.
REPOSITORIES_LIMIT = 10_000


class Covered(Members):
    """A repository, as much of it as news of an installation says."""

    id: Id
    full_name: FullName
    default_branch: Branch | None = None
    archived: bool | None = None


Repositories = Annotated[list[Covered], Field(max_length=REPOSITORIES_LIMIT)]


class InstallationDelivery(Members):
    """`installation` and `installation_repositories`; of the lists, each action has its own."""

    installation: Installation
    repositories: Repositories | None = None
    repositories_added: Repositories = []
    repositories_removed: Repositories = []


class RepositoryDelivery(Members):
    """`repository`, as the App itself gets it; a webhook of the repository's own names no installation."""

    repository: Covered
    installation: Installation | None = None
