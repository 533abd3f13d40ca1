"""Text without what nobody sees: control characters, terminal escapes, bidirectional and invisible characters."""

from __future__ import annotations

import re
import unicodedata

_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0")  # letters by category, invisible to the eye
_DROPPED_CATEGORIES = frozenset(("Cc", "Cf", "Cs", "Co"))

_NEWLINES = re.compile(r"\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_ESCAPES = re.compile(r"\x1b(?:\][^\x07\x1b]*(?:\x07|\x1b\\)?|\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])")


def clean(text: str) -> str:
    """Return `text` without control, bidirectional and invisible characters; lines end in a line feed."""
    text = _NEWLINES.sub("\n", _ESCAPES.sub("", text))
    return "".join(c for c in text if c in "\n\t" or _is_visible(c))


def _is_visible(character: str) -> bool:
    if character in _BLANK_LETTERS or "\U000e0100" <= character <= "\U000e01ef":
        return False
    return unicodedata.category(character) not in _DROPPED_CATEGORIES
