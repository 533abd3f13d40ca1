"""How much may run at once, and be spent in a day, from the settings and the profiles."""

from __future__ import annotations

from collections.abc import Mapping

from app.core.line.budget import micro_usd
from app.core.line.daily import Daily
from app.core.line.waiting_line import Caps
from app.core.profile import Profile
from app.settings import Settings


def caps_of(settings: Settings, profiles: Mapping[str, Profile]) -> Caps:
    """Return the caps that hold on this host."""
    return Caps(
        host=settings.max_runs, repository=settings.max_runs_per_repository, organisation=settings.max_runs_per_organisation,
        person=settings.max_runs_per_person,
        profiles={name: each.limits.max_runs for name, each in profiles.items() if each.limits.max_runs is not None},
        daily=daily_of(settings, profiles),
    )


def daily_of(settings: Settings, profiles: Mapping[str, Profile]) -> Daily:
    """Return the budgets of a day that hold on this host."""
    repository, person = settings.daily_usd_per_repository, settings.daily_usd_per_person
    return Daily(
        repository=None if repository is None else micro_usd(repository), person=None if person is None else micro_usd(person),
        profiles={name: micro_usd(each.budget.daily_usd) for name, each in profiles.items() if each.budget.daily_usd is not None},
        zone=settings.time_zone,
    )
