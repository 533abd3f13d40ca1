"""Text as a person sees it on the page: what is hidden there must not reach a model that works for that person."""

from __future__ import annotations

import re
import unicodedata

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0")  # letters by category, invisible to the eye


def as_seen(text: str) -> str:
    """Return `text` without what a rendered page does not show, saying where something was taken out.

    HTML comments outside code, control characters but tab and line feed, and invisible ones (zero-width,
    bidirectional, tags, variation selectors) go: whoever vouches for a text by ringing has not read those.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(_without_comments(part) if is_prose else part for is_prose, part in _parts(_visible(text)))


def _visible(text: str) -> str:
    return "".join(c for c in text if c in "\n\t" or _is_visible(c))


def _is_visible(character: str) -> bool:
    if character in _BLANK_LETTERS or "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef":
        return False
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co")


def _without_comments(prose: str) -> str:
    return _COMMENT.sub(lambda found: f"[Bellhop: a comment of {len(found.group())} characters that the page does not show was taken out]", prose)


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
