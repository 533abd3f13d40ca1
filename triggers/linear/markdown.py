"""A card as Linear's markdown, in which nobody's words do anything: no mention, no link, no picture, no markup; pure."""

from __future__ import annotations

import re

from app.core.card import Card, Link
from app.core.words.clean import clean

BODY_LIMIT_CHARACTERS = 20_000
_BREAK = "\u200b"
# What markdown reads anywhere in a line, and what it reads only at the start of one.
_MARKUP = re.compile(r"([\\`*_\[\]<>#!|~&$])")
_AT_START = re.compile(r"^(\s*)(\d*)([-+=.):])")
# A mention, and an address, by which Linear mentions people, embeds pictures and links issues.
_ACTIVE = (re.compile(r"(@)(?=\w)"), re.compile(r"(:)(?=//)"), re.compile(r"(\bwww)(?=\.)", re.IGNORECASE))
_URL = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(?:/[A-Za-z0-9._~%/?=&#:@+-]*)?")


def inert(text: str) -> str:
    """Return text that reads in markdown as it is, line by line."""
    return "\n".join(_line(line) for line in clean(text).splitlines())


def rendered(card: Card, *, with_links: bool = True) -> str:
    """Return a card's headline, words, facts and, where they are asked for, links."""
    parts = [f"**{inert(card.headline)}**", inert(card.body.strip()), inert(" \u00b7 ".join(card.facts))]
    if with_links:
        parts.append(" \u00b7 ".join(link for each in card.links if (link := _link(each))))
    return cut("\n\n".join(each for each in parts if each))


def plan_lines(card: Card) -> str:
    """Return a card's plan as a list of what is done and what is not."""
    return "\n".join(f"- [{'x' if is_done else ' '}] {_line(clean(step))}" for step, is_done in card.plan)


def cut(text: str) -> str:
    """Return as much of a text as one message has room for."""
    note = "\n\n(cut here: the run's page has all of it)"
    return text if len(text) <= BODY_LIMIT_CHARACTERS else text[: BODY_LIMIT_CHARACTERS - len(note)].rstrip("\\") + note


def is_address(url: str) -> bool:
    """Return whether it is an http(s) address that can stand in a link as it is."""
    return len(url) <= 1000 and _URL.fullmatch(url) is not None


def _line(text: str) -> str:
    for pattern in _ACTIVE:
        text = pattern.sub(rf"\1{_BREAK}", text)
    # Four blanks would begin a block of code, in which the escapes show.
    text = _MARKUP.sub(r"\\\1", re.sub(r"^\s+", lambda found: "\u00a0" * min(len(found[0]), 40), text))
    return _AT_START.sub(r"\1\2\\\3", text)


def _link(link: Link) -> str:
    return f"[{_line(clean(link.label))}]({link.url})" if is_address(link.url) else ""
