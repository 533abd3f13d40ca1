"""`installation`, `installation_repositories` and `repository`: where the App may work from now on; pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from app.core.event import Ignored
from app.core.roster import Known, Roster
from triggers.github.happening import SOURCE
from triggers.github.payload_roster import Covered, InstallationDelivery, RepositoryDelivery

# Of a repository's own events, those that change whether, or under which name, it may be worked in.
_ACTIONS = {
    "installation": ("created", "deleted", "suspend", "unsuspend"),
    "installation_repositories": ("added", "removed"),
    "repository": ("created", "deleted", "archived", "unarchived", "renamed", "transferred", "edited"),
}
_BECAME: dict[str, Literal["gone", "suspended", "back"]] = {"deleted": "gone", "suspend": "suspended", "unsuspend": "back"}

ROSTERS = frozenset(_ACTIONS)


def read_roster(event: str, action: str, payload: dict[str, Any]) -> Roster | Ignored:
    """Return the news, or why it is passed over. Raises pydantic's ValidationError for members out of bounds."""
    kind = f"{event}.{action}"
    if action not in _ACTIONS[event]:
        return Ignored(source=SOURCE, kind=kind, reason="action_not_used")
    if event == "repository":
        told = RepositoryDelivery.model_validate(payload)
        if told.installation is None:
            return Ignored(source=SOURCE, kind=kind, reason="no_installation")
        is_gone = action == "deleted"
        return Roster(
            source=SOURCE, kind=kind, installation_id=told.installation.id, here=() if is_gone else _known([told.repository]),
            gone=(told.repository.id,) if is_gone else (),
        )
    said = InstallationDelivery.model_validate(payload)
    here = (said.repositories or []) if action == "created" else said.repositories_added
    return Roster(
        source=SOURCE, kind=kind, installation_id=said.installation.id, here=_known(here),
        gone=tuple(each.id for each in said.repositories_removed),
        installation=_BECAME.get(action, "same") if event == "installation" else "same",
    )


def _known(found: Iterable[Covered]) -> tuple[Known, ...]:
    return tuple(
        Known(id=each.id, full_name=each.full_name, default_branch=each.default_branch, archived=each.archived) for each in found
    )
