"""Profiles that take the same events: legal, and seldom what was meant, because only the first by name starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import get_args

from app.core.profile import CommentAction, CommentFilter, IssueAction, IssuesFilter, Profile


def overlaps(profiles: Mapping[str, Profile]) -> list[str]:
    """Return one sentence for each event and label that two profiles take."""
    said = []
    for first, second in combinations(sorted(profiles), 2):
        one, other = profiles[first].on, profiles[second].on
        both = [
            *_both("issues", one.issues, other.issues, get_args(IssueAction)),
            *_both("issue_comment", one.issue_comment, other.issue_comment, get_args(CommentAction)),
        ]
        said += [f"{first} and {second} both take {what}: {first} comes first by name, so {second} never starts for it"
                 for what in both]
    return said


def _both(
    kind: str, one: IssuesFilter | CommentFilter | None, other: IssuesFilter | CommentFilter | None, known: tuple[str, ...]
) -> list[str]:
    if one is None or other is None:
        return []
    types = [each for each in known if each in (one.types or known) and each in (other.types or known)]
    return [f"{kind}.{each}{words}" for each in types for words in _labels(one.labels, other.labels)]


def _labels(one: Iterable[str], other: Iterable[str]) -> list[str]:
    """Return what to say of the labels that both take; an empty filter takes any. GitHub's labels have no case."""
    ours, theirs = ({label.casefold() for label in labels} for labels in (one, other))
    if not ours and not theirs:
        return [""]
    return [f" with the label {label}" for label in sorted(ours & theirs if ours and theirs else ours | theirs)]
