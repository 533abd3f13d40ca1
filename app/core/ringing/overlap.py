"""Profiles that take the same events: legal, and seldom what was meant, because only the first by name starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import get_args

from app.core.profile import Profile
from app.core.ringing.on import Filter
from app.core.ringing.on_ci import NAMES

_APART = ("assignees", "reviewers", "states", "branches", "branches_ignore", "paths", "paths_ignore", "authors", "where", "conclusions", *NAMES)


def overlaps(profiles: Mapping[str, Profile]) -> list[str]:
    """Return one sentence for each event and label that two profiles take."""
    said = []
    for first, second in combinations(sorted(profiles), 2):
        if profiles[first].repositories != profiles[second].repositories:
            continue  # nobody says that they have none in common; whoever has written them apart has seen the other
        one, other = profiles[first].on.filters, profiles[second].on.filters
        both = [what for name in one if name in other for what in _both(name, one[name], other[name])]
        said += [f"{first} and {second} both take {what}: {first} comes first by name, so {second} never starts for it"
                 for what in both]
    return said


def _both(kind: str, one: Filter, other: Filter) -> list[str]:
    if any(_differ(getattr(one, name, ()), getattr(other, name, ())) for name in _APART):
        # Nobody says that they have nothing in common; whoever has written them apart has seen the other.
        return []
    if "types" not in type(one).model_fields:
        return [kind]
    known = get_args(get_args(type(one).model_fields["types"].annotation)[0])
    types = [each for each in known if all(each in (getattr(on, "types", ()) or known) for on in (one, other))]
    labels = _labels(getattr(one, "labels", ()), getattr(other, "labels", ()))
    return [f"{kind}.{each}{words}" for each in types for words in labels]


def _differ(one: Iterable[object], other: Iterable[object]) -> bool:
    return set(one) != set(other)


def _labels(one: Iterable[str], other: Iterable[str]) -> list[str]:
    """Return what to say of the labels that both take; an empty filter takes any. GitHub's labels have no case."""
    ours, theirs = ({label.casefold() for label in labels} for labels in (one, other))
    if not ours and not theirs:
        return [""]
    return [f" with the label {label}" for label in sorted(ours & theirs if ours and theirs else ours | theirs)]
