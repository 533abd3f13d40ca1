"""Regular expressions that no text takes long to look at: RE2's, which have no backtracking.

https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2  # type: ignore[import-untyped] # google-re2 ships no types

PATTERN_LIMIT_CHARACTERS = 1000
# What is looked at of a text; those of people are cut to less where they come in.
TEXT_LIMIT_CHARACTERS = 100_000
# For a pattern as a program, and what looking remembers on the way.
_MEMORY_LIMIT_BYTES = 4 * 1024 * 1024


def found_in(pattern: str, text: str) -> bool:
    """Return whether the pattern occurs in the text; one that cannot be read occurs nowhere."""
    try:
        # Bytes: half a surrogate pair is no text that RE2 takes.
        return _compiled(pattern).search(text[:TEXT_LIMIT_CHARACTERS].encode("utf-8", "replace")) is not None
    except (re2.error, UnicodeError):
        return False


def is_all_of(pattern: str, text: str) -> bool:
    """Return whether the pattern is the whole text; one that cannot be read is none."""
    try:
        return _compiled(pattern).fullmatch(text[:TEXT_LIMIT_CHARACTERS].encode("utf-8", "replace")) is not None
    except (re2.error, UnicodeError):
        return False


def fault_of_pattern(pattern: str) -> str | None:
    """Return what is wrong with a pattern, or None."""
    if len(pattern) > PATTERN_LIMIT_CHARACTERS:
        return f"is longer than {PATTERN_LIMIT_CHARACTERS} characters"
    try:
        _compiled(pattern)
    except (re2.error, UnicodeError) as error:
        said = error.args[0] if error.args else ""
        words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        return f"is no regular expression of RE2, which has no look-around and no back-references: {words[:200]}"
    return None


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY_LIMIT_BYTES
    return re2.compile(pattern[:PATTERN_LIMIT_CHARACTERS], options)
