"""The patterns by which GitHub Actions filters branches and paths; pure.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#filter-pattern-cheat-sheet
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from app.core.ringing.linear_regex import fault_of_pattern, is_all_of

_TOKEN = re.compile(r"(?P<any>\*\*/?)|(?P<star>\*)|(?P<set>\[[A-Za-z0-9_\-]+\])|\\(?P<escaped>.)|(?P<plain>.)", re.DOTALL)


def is_wanted(name: str, patterns: Sequence[str]) -> bool:
    """Return whether the patterns take a name: the last one that matches decides, and one that begins with `!` decides against it."""
    wanted = False
    for pattern in patterns:
        if is_all_of(_expression(pattern.removeprefix("!")), name):
            wanted = not pattern.startswith("!")
    return wanted


def any_wanted(names: Iterable[str], patterns: Sequence[str]) -> bool:
    """Return whether the patterns take at least one of the names."""
    return any(is_wanted(name, patterns) for name in names)


def fault_of(patterns: Sequence[str]) -> str | None:
    """Return what is wrong with patterns that could never take anything, or None."""
    if (fault := unreadable(patterns)) is not None:
        return fault
    if patterns and all(pattern.startswith("!") for pattern in patterns):
        return "takes nothing: beside patterns that begin with `!` there must be one that does not"
    return None


def unreadable(patterns: Iterable[str]) -> str | None:
    """Return which of the patterns is none, or None."""
    for pattern in patterns:
        if fault_of_pattern(_expression(pattern.removeprefix("!"))) is not None:
            return f"{pattern[:80]!r} cannot be read: it is too long, or has a range from back to front"
    return None


@lru_cache(maxsize=512)
def _expression(pattern: str) -> str:
    """Return it as a regular expression of RE2, so that no name takes long to look at, however many stars there are."""
    # A dot is any character, a line's end too.
    parts = ["(?s)"]
    for token in _TOKEN.finditer(pattern):
        if token["any"]:
            # `**/` also stands for no directory at all.
            parts.append("(?:.*/)?" if token["any"].endswith("/") else ".*")
        elif token["star"]:
            parts.append("[^/]*")
        elif token["set"]:
            parts.append(token["set"])
        elif token["escaped"]:
            parts.append(re.escape(token["escaped"]))
        elif token["plain"] in "?+" and len(parts) > 1 and not parts[-1].endswith(("*", "?", "+", ")?")):
            parts[-1] += token["plain"]
        else:
            parts.append(re.escape(token["plain"]))
    return "".join(parts)
