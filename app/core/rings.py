"""Whether an event rings for a profile; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.core.event import Event
from app.core.filter_pattern import is_wanted
from app.core.on import On
from app.core.profile import Profile


def rings(profile: Profile, event: Event, bot_login: str) -> bool:
    """Return whether the event rings for the profile: it takes such events, and works in that repository."""
    return works_in(profile, event.repo.full_name) and takes(profile.on, event, bot_login)


def works_in(profile: Profile, full_name: str) -> bool:
    """Return whether a repository is one of the profile's; GitHub's names are one and the same in any case."""
    patterns = [pattern.casefold() for pattern in profile.repositories]
    return not patterns or is_wanted(full_name.casefold(), patterns)


def takes(on: On, event: Event, bot_login: str) -> bool:
    """Return whether `on` takes the event."""
    name, _, action = event.kind.partition(".")
    wanted = on.filters.get(name)
    if wanted is None or (wanted.types and action not in wanted.types):
        return False
    return (
        _has_label(wanted.labels, event, action)
        and _is_for(getattr(wanted, "assignees", ()), event.assignee, bot_login, action == "assigned")
        and _is_for(getattr(wanted, "reviewers", ()), event.reviewer, bot_login, action == "review_requested")
        and (event.review is None or event.review in getattr(wanted, "states", ()))
        and _is_on(getattr(wanted, "branches", ()), event.branch)
    )


def _has_label(wanted: Sequence[str], event: Event, action: str) -> bool:
    # GitHub's label names are one and the same in any case.
    present = (event.label or "",) if action == "labeled" else event.labels
    return not wanted or not _folded(wanted).isdisjoint(_folded(present))


def _is_for(wanted: Sequence[str], login: str | None, bot_login: str, is_asked: bool) -> bool:
    """Return whether somebody was asked who is meant: named, or else the bot. Any other event asks nobody."""
    if not is_asked:
        return True
    return (login or "").casefold() in _folded(wanted or (bot_login, bot_login.removesuffix("[bot]")))


def _is_on(wanted: Sequence[str], branch: str | None) -> bool:
    return not wanted or (branch is not None and is_wanted(branch, wanted))


def _folded(names: Iterable[str]) -> set[str]:
    return {name.casefold() for name in names}
