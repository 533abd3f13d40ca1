"""`bellhop pause` and `bellhop resume`: nothing new begins; what rings is queued, and what is under way goes on."""

from __future__ import annotations

from collections.abc import Iterable

from app.commands.ledger import open_ledger
from app.errors import BellhopError
from app.ledger import pauses
from app.ledger.pauses import EVERYTHING
from app.observe.text import clock
from app.settings import Settings


def pause_profile(settings: Settings, profile: str | None) -> str:
    """Pause a profile, or all of Bellhop, and return what to say. Raises BellhopError for a profile that is not there, ConfigurationError."""
    # By its file alone: a mistake in one profile must not keep anybody from pausing another.
    known = sorted(file.stem for file in settings.profiles_dir.glob("*.yaml"))
    if profile is not None and profile not in known:
        raise BellhopError(f"there is no profile {profile[:100]!r}; there are: {', '.join(known) or 'none'}", reason="no_such_profile")
    with open_ledger(settings) as database, database.begin() as tx:
        is_new = pauses.pause(tx, profile or EVERYTHING)
    what = named(profile or EVERYTHING)
    return (
        f"{what} {'is' if is_new else 'was already'} paused: what rings is queued, and begins after `bellhop resume{f' {profile}' if profile else ''}`. "
        "What is under way goes on"
    )


def resume_profile(settings: Settings, profile: str | None) -> str:
    """End a pause and return what to say. Raises BellhopError where there is none, ConfigurationError."""
    with open_ledger(settings) as database, database.begin() as tx:
        was_paused = pauses.resume(tx, profile or EVERYTHING)
        left = pauses.paused(tx)
    if not was_paused:
        others = "; ".join(says(left.items()))
        raise BellhopError(f"{named(profile or EVERYTHING)} is not paused{f', but {others}' if others else ''}", reason="not_paused")
    rest = f". Still: {'; '.join(says(left.items()))}" if left else ""
    return f"{named(profile or EVERYTHING)} is resumed: what is queued begins within {settings.sweep_seconds:g} s{rest}"


def named(profile: str) -> str:
    """Return what is paused, in words."""
    return "all of Bellhop" if profile == EVERYTHING else f"the profile {profile}"


def says(paused: Iterable[tuple[str, int]]) -> list[str]:
    """Return a sentence for each pause."""
    return [f"{named(profile)} is paused since {clock(since_ms)} UTC" for profile, since_ms in paused]
