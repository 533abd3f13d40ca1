"""An account of a surface that is no forge: what is linked to a person's GitHub account."""

from __future__ import annotations

from app.core.noun import Noun

# What a surface is called to people.
SURFACES = {"slack": "Slack", "linear": "Linear"}


class Account(Noun):
    """Somebody's account at `source` (`slack`, `linear`): the service's own ids of the workspace and of the account in it.

    `name` is how the service shows it: anybody's words, which prove nothing.
    """

    source: str
    workspace: str
    id: str
    name: str = ""

    @property
    def surface(self) -> str:
        """The surface's name for people."""
        return SURFACES.get(self.source, self.source)

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it this account and no other; its name does not."""
        return self.source, self.workspace, self.id
