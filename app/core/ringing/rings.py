"""Whether an event rings for a profile, and which of its keys says no; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from app.core.event import Event
from app.core.profile import Profile
from app.core.ringing.filter_pattern import any_wanted, is_wanted
from app.core.ringing.on import Filter, On
from app.core.ringing.on_ci import NAMES
from app.core.ringing.on_elsewhere import PLACES
from app.core.ringing.where import first_unmet


class No(NamedTuple):
    """The first key of a profile that says no: its way from the top, why in words, and how many keys said yes before it."""

    key: str
    says: str
    after: int


Paths = Sequence[str] | None


def rings(profile: Profile, event: Event, bot_login: str, paths: Paths = None) -> bool:
    """Return whether the event rings for the profile: it takes such events, and works in that repository.

    `paths` are the files that it changes, where somebody has asked; before, what asks for files is as good as met.
    """
    return refusal(profile, event, bot_login, paths) is None


def refusal(profile: Profile, event: Event, bot_login: str, paths: Paths = None) -> No | None:
    """Return the first key of the profile that says no to the event, or None."""
    if event.profile is not None and event.profile != profile.name:
        return No("name", f"it was made for {event.profile} alone", 0)
    # As long as nobody has said which repository is meant, it may be one of them.
    if event.repo.is_said and not works_in(profile, event.repo.full_name):
        return No("repositories", f"{event.repo.full_name} is none of them", 1 if event.kind.partition(".")[0] in profile.on.filters else 0)
    if event.friction is not None:
        # Somebody has pressed the button, for which only those are meant that offer it.
        return None if event.friction in profile.offer.for_ else No("offer.for", f"{event.friction} is none of it", 1)
    return _refusal(profile.on, event, bot_login, paths)


def works_in(profile: Profile, full_name: str) -> bool:
    """Return whether a repository is one of the profile's; GitHub's names are one and the same in any case."""
    patterns = [pattern.casefold() for pattern in profile.repositories]
    return not patterns or is_wanted(full_name.casefold(), patterns)


def takes(on: On, event: Event, bot_login: str, paths: Paths = None) -> bool:
    """Return whether `on` takes the event."""
    return _refusal(on, event, bot_login, paths) is None


def asks_for_paths(on: On, event: Event) -> bool:
    """Return whether `on` asks which files the event changes."""
    wanted = on.filters.get(event.kind.partition(".")[0])
    return bool(getattr(wanted, "paths", ()) or getattr(wanted, "paths_ignore", ()))


def _refusal(on: On, event: Event, bot_login: str, paths: Paths) -> No | None:
    name = event.kind.partition(".")[0]
    if name in on.own:
        return None
    wanted = on.filters.get(name)
    if wanted is None:
        return No(f"on.{name}", "is not there", 0)
    for after, (key, of_key) in enumerate(_KEYS.items(), start=1):
        if (says := of_key(wanted, event, bot_login)) is not None:
            return No(f"on.{name}.{key}", says, after)
    known = event.paths if paths is None else paths
    for key, says in _of_paths(wanted, known) if known is not None else ():
        return No(f"on.{name}.{key}", says, len(_KEYS) + 1)
    return None


def _of_types(wanted: Filter, event: Event, _bot_login: str) -> str | None:
    action, types = event.kind.partition(".")[2], getattr(wanted, "types", ())
    if action == "closed":
        return "what is closed is only noted (`bellhop results`)"
    return f"{action} is none of {_list(types)}" if types and action not in types else None


def _of_labels(wanted: Filter, event: Event, _bot_login: str) -> str | None:
    # GitHub's label names are one and the same in any case.
    labels = getattr(wanted, "labels", ())
    is_added = event.kind.endswith(".labeled")
    # Where several can be added at once, all of them.
    is_one = is_added and not (event.is_elsewhere and event.label is None)
    present = (event.label or "",) if is_one else event.labels
    if not labels or not _folded(labels).isdisjoint(_folded(present)):
        return None
    return f"{_list(present) or 'no label'} {'was added' if is_added else 'is there'}, and it asks for {_list(labels)}"


def _of_assignees(wanted: Filter, event: Event, bot_login: str) -> str | None:
    return _is_for(getattr(wanted, "assignees", ()), event.assignee, bot_login) if event.kind.endswith(".assigned") else None


def _of_reviewers(wanted: Filter, event: Event, bot_login: str) -> str | None:
    return _is_for(getattr(wanted, "reviewers", ()), event.reviewer, bot_login) if event.kind.endswith(".review_requested") else None


def _is_for(wanted: Sequence[str], login: str | None, bot_login: str) -> str | None:
    """Return why nobody was asked who is meant: named, or else the bot."""
    meant = wanted or (bot_login, bot_login.removesuffix("[bot]"))
    return None if (login or "").casefold() in _folded(meant) else f"{login or 'nobody'} was asked, and it is for {_list(meant)}"


def _of_states(wanted: Filter, event: Event, _bot_login: str) -> str | None:
    states = getattr(wanted, "states", ())
    return None if event.review is None or event.review in states else f"it ended as {event.review}, and it asks for {_list(states)}"


def _of_names(wanted: Filter, event: Event, _bot_login: str) -> str | None:
    """Return why a piece of CI is none of those that are named, under whatever key its kind has for that."""
    names = next((found for key in NAMES if (found := getattr(wanted, key, ()))), ())
    if not names or event.ci is None or event.ci.name in names:
        return None
    return f"{event.ci.name} is none of {_list(names)}"


def _of_conclusions(wanted: Filter, event: Event, _bot_login: str) -> str | None:
    if event.ci is None or event.button is not None:
        return None
    conclusions = getattr(wanted, "conclusions", getattr(wanted, "states", ()))
    return None if event.ci.conclusion in conclusions else f"it ended as {event.ci.conclusion or 'nothing yet'}, and it asks for {_list(conclusions)}"


def _of_branches(wanted: Filter, event: Event, _bot_login: str) -> str | None:
    patterns = getattr(wanted, "branches", ())
    is_on = not patterns or (event.branch is not None and is_wanted(event.branch, patterns))
    return None if is_on else f"{event.branch or 'no branch'} is none of {_list(patterns)}"


def _of_branches_ignored(wanted: Filter, event: Event, _bot_login: str) -> str | None:
    patterns = getattr(wanted, "branches_ignore", ())
    return f"{event.branch} is one of {_list(patterns)}" if patterns and event.branch is not None and is_wanted(event.branch, patterns) else None


def _of_authors(wanted: Filter, event: Event, _bot_login: str) -> str | None:
    authors = getattr(wanted, "authors", ())
    if not authors:
        return None
    if event.author is None:
        return "nobody knows who opened it"
    # A login can change hands, an id cannot.
    is_theirs = not _folded(authors).isdisjoint((event.author.login.casefold(), f"id:{event.author.id}"))
    return None if is_theirs else f"{event.author.login} (id {event.author.id}) opened it, and it asks for {_list(authors)}"


def _of_places(wanted: Filter, event: Event, _bot_login: str) -> str | None:
    """Return which list of places leaves out where it was said."""
    for key, kind in PLACES.items():
        asked = getattr(wanted, key, ())
        if asked and _folded(f"{kind}:{name}" for name in asked).isdisjoint(_folded(event.places)):
            return f"it is in {_list(event.places) or 'no place'}, and `{key}` asks for {_list(asked)}"
    return None


def _of_where(wanted: Filter, event: Event, _bot_login: str) -> str | None:
    conditions = getattr(wanted, "where", ())
    return first_unmet(conditions, event.model_dump(mode="json")) if conditions else None


def _of_paths(wanted: Filter, paths: Sequence[str]) -> Iterator[tuple[str, str]]:
    patterns, ignored = getattr(wanted, "paths", ()), getattr(wanted, "paths_ignore", ())
    if patterns and not any_wanted(paths, patterns):
        yield "paths", f"none of the {len(paths)} changed files is one of {_list(patterns)}"
    if ignored and all(is_wanted(path, ignored) for path in paths):
        yield "paths-ignore", f"nothing but {_list(ignored)} is changed"


# In the order in which they are asked.
_KEYS: dict[str, Callable[[Filter, Event, str], str | None]] = {
    "types": _of_types, "labels": _of_labels, "assignees": _of_assignees, "reviewers": _of_reviewers, "states": _of_states,
    "branches": _of_branches, "branches-ignore": _of_branches_ignored, "authors": _of_authors, "where": _of_where,
    "names": _of_names, "conclusions": _of_conclusions, "places": _of_places,
}


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)[:200]


def _folded(names: Iterable[str]) -> set[str]:
    return {name.casefold() for name in names}
