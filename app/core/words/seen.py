"""Text as a person sees it on the page: what is hidden there must not reach a model that works for that person."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import NamedTuple

from app.core.words.blocks import Blocks, blocks_of
from app.core.words.unshown import (
    NOTE_START,
    Shown,
    definition_as_shown,
    html_as_shown,
    unreferenced_footnotes,
    without_unshown,
)

_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0")  # letters by category, invisible to the eye
# What is taken out can leave something behind that is to be taken out too; a text that goes on like that is at an end soon.
_MOST_PASSES = 10
# A note is longer than what it may stand for: a text of nothing but comments must not grow by them.
_MOST_NOTES = 20


class Seen(NamedTuple):
    """A text as its page shows it, and how many characters of it the page does not show."""

    text: str
    hidden: int


def as_seen(text: str) -> str:
    """Return `text` without what a rendered page does not show; see `look`."""
    return look(text).text


# Asked again for each comment that is rendered, of the same words.
@lru_cache(maxsize=64)
def look(text: str) -> Seen:
    """Return a text without what its rendered page does not show, and how many characters that were.

    Outside code: HTML comments, link definitions, descriptions of images, titles, attributes, footnotes that
    nothing refers to, cells that a table has no column for, what stands behind a fence. Everywhere: control characters
    but tab and line feed, and invisible ones (zero-width, bidirectional, tags, soft hyphens, variation selectors).
    Whoever vouches for a text by ringing has not read those.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    hidden = 0
    for _ in range(_MOST_PASSES):
        before, text = text, "".join(c for c in text if c in "\n\t" or _is_visible(c))
        hidden += len(before) - len(text)
        cut = blocks_of(text)
        shown = _shown(cut, max(0, _MOST_NOTES - text.count(NOTE_START)))
        text, hidden = shown.text, hidden + shown.hidden
        if text == before:
            break
    return Seen(text, hidden)


def _shown(cut: Blocks, notes: int) -> Shown:
    """Return the blocks without what the page does not show of them, with at most so many notes of what was taken."""
    kept: list[str] = []
    hidden = cut.hidden
    prose = [block.text for block in cut.blocks if block.kind == "prose"]
    footnotes = unreferenced_footnotes(prose)
    defines = any(block.kind == "definition" for block in cut.blocks)
    for number, (kind, text) in enumerate(cut.blocks):
        if kind == "code":
            shown = Shown(text, 0)
        elif kind == "definition":
            shown = definition_as_shown(text, notes)
        elif kind == "html":
            shown = html_as_shown(text, _is_visible, notes)
        else:
            shown = without_unshown(text, _is_visible, notes, footnotes, defines=defines)
        kept.append(shown.text)
        hidden, notes = hidden + shown.hidden, notes - shown.notes
        if shown.is_open:
            # A comment or a tag of HTML that does not end takes the rest of the page with it.
            hidden += sum(len(block.text) for block in cut.blocks[number + 1 :])
            break
    return Shown("".join(kept), hidden)


def _is_visible(character: str) -> bool:
    if character in _BLANK_LETTERS or "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef":
        return False
    return character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co")
