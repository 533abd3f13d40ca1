"""The patterns by which GitHub Actions filters branches and paths; pure.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#filter-pattern-cheat-sheet
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

_TOKEN = re.compile(r"(?P<any>\*\*/?)|(?P<star>\*)|(?P<set>\[[A-Za-z0-9_\-]+\])|\\(?P<escaped>.)|(?P<plain>.)", re.DOTALL)


def is_wanted(name: str, patterns: Sequence[str]) -> bool:
    """Return whether the patterns take a name: the last one that matches decides, and one that begins with `!` decides against it."""
    wanted = False
    for pattern in patterns:
        if _compiled(pattern.removeprefix("!")).fullmatch(name):
            wanted = not pattern.startswith("!")
    return wanted


def any_wanted(names: Iterable[str], patterns: Sequence[str]) -> bool:
    """Return whether the patterns take at least one of the names."""
    return any(is_wanted(name, patterns) for name in names)


def fault_of(patterns: Sequence[str]) -> str | None:
    """Return what is wrong with patterns that could never take anything, or None."""
    if patterns and all(pattern.startswith("!") for pattern in patterns):
        return "takes nothing: beside patterns that begin with `!` there must be one that does not"
    return None


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    """Return it as a regular expression of which no part is repeated in a repetition, so that no name takes long to look at."""
    parts: list[str] = []
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
        elif token["plain"] in "?+" and parts and not parts[-1].endswith(("*", "?", "+", ")?")):
            parts[-1] += token["plain"]
        else:
            parts.append(re.escape(token["plain"]))
    return re.compile("".join(parts), re.DOTALL)
