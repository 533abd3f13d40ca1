"""Untrusted words made harmless: for GitHub, for other bots that read the raw text, and for git.

The same text can end up rendered as markdown, matched by another bot's regular expression, and (through a squash
merge) in a commit message on the default branch. So every form below also breaks, by a zero-width space, what
any of the three would act on: mentions, references, closing keywords, addresses, slash commands, CI skip
instructions, trailers, HTML comments.
"""

from __future__ import annotations

import re
import textwrap

from app.core.words.clean import clean

_BREAK = "\u200b"
_WRAP_COLUMNS = 100

# Each pattern marks, by its first group, what the zero-width space comes after.
_ACTIVE = tuple(
    re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    for pattern in (
        r"(@)(?=\w)",                                   # mentions, and bots that listen to their name
        r"(#)(?=\d)",                                   # issue references, and so closing keywords
        r"(\bGH-)(?=\d)",                               # the same, in its other spelling
        r"(:)(?=//)",                                   # addresses, and closing keywords with an address
        r"(\bwww)(?=\.)",
        r"(^[^\S\n]*)(?=/\w)",                          # slash commands
        r"(\[)(?=\s*(?:skip|ci|no|actions)[\s-])",      # CI skip instructions
        r"(\[)(?=[\w-]{1,30}[\s-]skip\s*\])",           # the same, as others write them
        r"(\*)(?=NO_CI\b)",
        r"(^[^\S\n]*(?:skip-checks|[a-z][a-z-]*-by|change-id|bellhop-run|release-as))(?=\s*:)",
        r"(<)(?=!--)",                                  # our own hidden markers, forged
    )
)
# What markdown reads anywhere in a line, and what it reads only at the start of one.
_MARKUP = re.compile(r"([\\`*_\[\]<>#!|~&$])")
_AT_START = re.compile(r"^(\d*)([-+=.)])")


class Inert(str):
    """Text that may be put into a reply as it is: a form made below, or words that are Bellhop's own."""

    __slots__ = ()


def defang(text: str) -> str:
    """Return cleaned text in which nothing is left that GitHub, another bot or git would act on."""
    text = clean(text)
    for pattern in _ACTIVE:
        text = pattern.sub(rf"\1{_BREAK}", text)
    return text


def line(text: str, limit_chars: int = 200) -> Inert:
    """Return one line of plain text: for titles, which are not markdown."""
    return Inert(defang(_shortened(" ".join(clean(text).split()), limit_chars)))


def words(text: str, limit_chars: int = 1000) -> Inert:
    """Return one line of markdown that reads as the text does, wherever in a line it is put."""
    escaped = _MARKUP.sub(r"\\\1", line(text, limit_chars))
    return Inert(_AT_START.sub(r"\1\\\2", escaped))


def span(text: str, limit_chars: int = 300) -> Inert:
    """Return the text as one code span: for names, paths and commands."""
    flat = line(text, limit_chars) or "-"
    fence = "`" * (_longest_run(flat) + 1)
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return Inert(f"{fence}{pad}{flat}{pad}{fence}")


def block(text: str, limit_chars: int = 8000) -> Inert:
    """Return the text as a fenced code block that it cannot get out of, long lines wrapped; nothing for no text.

    Must start at the beginning of a line.
    """
    whole = clean(text).strip()
    if not whole:
        return Inert("")
    wrapped = "\n".join(_wrapped(part) for part in _shortened(whole, limit_chars).split("\n"))
    harmless = defang(wrapped)
    fence = "`" * max(3, _longest_run(harmless) + 1)
    return Inert(f"{fence}text\n{harmless}\n{fence}")


def address(url: str) -> Inert:
    """Return an http(s) address that is safe as the target of a markdown link; anything else becomes a code span."""
    if len(url) <= 500 and re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+(?:/[A-Za-z0-9._~%/?=&#:-]*)?", url):
        return Inert(url)
    return span(url)


def _shortened(text: str, limit_chars: int) -> str:
    return text if len(text) <= limit_chars else text[: limit_chars - 3].rstrip() + "..."


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)


def _wrapped(part: str) -> str:
    if len(part) <= _WRAP_COLUMNS:
        return part
    indent = re.match(r"\s*", part)
    return textwrap.fill(
        part, _WRAP_COLUMNS, subsequent_indent=indent.group(0)[:40] if indent else "", break_long_words=False,
        break_on_hyphens=False, replace_whitespace=False, drop_whitespace=True, expand_tabs=False,
    )
