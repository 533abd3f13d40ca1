"""How much may run at once, from the settings and the profiles."""

from __future__ import annotations

from collections.abc import Mapping

from app.core.profile import Profile
from app.core.waiting_line import Caps
from app.settings import Settings


def caps_of(settings: Settings, profiles: Mapping[str, Profile]) -> Caps:
    """Return the caps that hold on this host."""
    return Caps(
        host=settings.max_runs, repository=settings.max_runs_per_repository, organisation=settings.max_runs_per_organisation,
        person=settings.max_runs_per_person,
        profiles={name: each.limits.max_runs for name, each in profiles.items() if each.limits.max_runs is not None},
    )
