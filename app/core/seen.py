"""Text as a person sees it on the page: what is hidden there must not reach a model that works for that person."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from app.core.unshown import without_unshown

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0")  # letters by category, invisible to the eye
# What is taken out can leave something behind that is to be taken out too; a text that goes on like that is at an end soon.
_MOST_PASSES = 10


class Seen(NamedTuple):
    """A text as its page shows it, and how many characters of it the page does not show."""

    text: str
    hidden: int


def as_seen(text: str) -> str:
    """Return `text` without what a rendered page does not show; see `look`."""
    return look(text).text


def look(text: str) -> Seen:
    """Return a text without what its rendered page does not show, and how many characters that were.

    Outside code: HTML comments, link definitions, descriptions of images, titles, attributes. Everywhere: control characters
    but tab and line feed, and invisible ones (zero-width, bidirectional, tags, soft hyphens, variation selectors).
    Whoever vouches for a text by ringing has not read those.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    hidden = 0
    for _ in range(_MOST_PASSES):
        before, text = text, "".join(c for c in text if c in "\n\t" or _is_visible(c))
        hidden += len(before) - len(text)
        pieces = [without_unshown(part, _is_visible) if is_prose else (part, 0) for is_prose, part in _parts(text)]
        text = "".join(piece for piece, _ in pieces)
        hidden += sum(taken for _, taken in pieces)
        if text == before:
            break
    return Seen(text, hidden)


def _is_visible(character: str) -> bool:
    if character in _BLANK_LETTERS or "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef":
        return False
    return character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co")


def _parts(text: str) -> list[tuple[bool, str]]:
    """Split into prose (True) and fenced code; a fence inside an HTML comment is none."""
    parts: list[tuple[bool, str]] = []
    kept: list[str] = []
    fence = ""
    hidden = False
    for line in text.splitlines(keepends=True):
        if fence:
            kept.append(line)
            if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                parts.append((False, "".join(kept)))
                kept, fence = [], ""
            continue
        opening = None if hidden else _FENCE.match(line)
        if opening:
            parts.append((True, "".join(kept)))
            kept, fence = [line], opening[1]
            continue
        kept.append(line)
        hidden = _open_at_end(line, hidden)
    parts.append((not fence, "".join(kept)))
    return parts


def _open_at_end(line: str, hidden: bool) -> bool:
    at = 0
    while True:
        at = line.find("-->" if hidden else "<!--", at)
        if at < 0:
            return hidden
        at += 3
        hidden = not hidden
