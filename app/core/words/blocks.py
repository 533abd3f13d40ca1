"""Markdown cut into what its page shows as code, what it takes for HTML, and the rest; pure.

Where a block begins and ends decides whether a comment is code for everybody to read or hidden from everybody, so that is
asked of a parser (https://spec.commonmark.org): a fence in a list, one with a back tick behind it, one inside HTML.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

Kind = Literal["prose", "html", "code", "definition"]
_KINDS: dict[str, Kind] = {"fence": "code", "html_block": "html", "definition": "definition"}

# What stands behind a fence is shown nowhere; one short word tells the language.
_LANGUAGE = re.compile(r"[ \t]*[A-Za-z0-9_+#.-]{1,20}(?=[ \t]|$)")
# https://docs.github.com/en/get-started/writing-on-github/working-with-advanced-formatting/creating-diagrams
_DRAWN = ("mermaid", "geojson", "topojson", "stl", "math")
_DRAWN_NOTE = " [Bellhop: drawn on the page, where this text is not seen]"
_BEFORE_CELLS = re.compile(r"[ \t>]*(?:(?:[-+*]|\d{1,9}[.)])[ \t]+)?")
_FOOTNOTE_LABEL = re.compile(r"\^[^\]\s]+")
_PIPE = re.compile(r"(?<!\\)(?:\\\\)*\|")
# Lines only: what is inside of them is not read, which is where a parser can be made slow.
_PARSER = MarkdownIt("commonmark", {"inline_definitions": True}).enable("table").disable("inline")


class Block(NamedTuple):
    """Whole lines of one kind."""

    kind: Kind
    text: str


class Blocks(NamedTuple):
    """The blocks of a text, and how many characters the page shows in none of them: what stands behind a fence, cells too many."""

    blocks: list[Block]
    hidden: int


def blocks_of(text: str) -> Blocks:
    """Cut a text (lines end in a line feed) into its blocks; adjoining code or HTML of two blocks stays apart."""
    lines = text.split("\n")
    kinds: list[tuple[Kind, int]] = [("prose", 0)] * len(lines)
    hidden = columns = 0
    for number, token in enumerate(_PARSER.parse(text)):
        if token.map is None:
            columns += token.type == "th_open"
            continue
        first, end = token.map[0], min(token.map[1], len(lines))
        # A footnote whose text is one word looks like the definition of a link.
        if (kind := _KINDS.get(token.type)) is not None and not _FOOTNOTE_LABEL.fullmatch(token.meta.get("label", "")):
            kinds[first:end] = [(kind, number)] * (end - first)
        before = len(lines[first]) if first < len(lines) else 0
        if token.type == "fence":
            lines[first], taken = _without_info(lines[first], token)
            hidden += taken
        elif token.type == "table_open":
            columns = 0
        elif token.type == "tr_open" and columns:
            lines[first] = _cells(lines[first], columns)
            hidden += before - len(lines[first])
        elif token.type == "th_open":
            columns += 1
    found: list[Block] = []
    start = 0
    for at in range(1, len(lines) + 1):
        if at == len(lines) or kinds[at] != kinds[start]:
            piece = "\n".join(lines[start:at]) + ("\n" if at < len(lines) else "")
            found.append(Block(kinds[start][0], piece))
            start = at
    return Blocks(found, hidden)


def _without_info(line: str, fence: Token) -> tuple[str, int]:
    at = line.find(fence.markup) + len(fence.markup)
    info = line[at:]
    language = _LANGUAGE.match(info)
    kept = language[0] if language else ""
    note = _DRAWN_NOTE if kept.strip().lower() in _DRAWN else ""
    if info in (kept + note, f"{kept}{note}".rstrip()) or not info.strip():
        return line, 0
    return line[:at] + kept + note, len(info) - len(kept)


def _cells(line: str, columns: int) -> str:
    """Return a table's row without the cells that its head has no column for."""
    before = _BEFORE_CELLS.match(line)
    start = before.end() if before else 0
    pipes = [found.end() for found in _PIPE.finditer(line, start)]
    if pipes and not line[start : pipes[0] - 1].strip():
        pipes = pipes[1:]
    return line[: pipes[columns - 1]] if len(pipes) >= columns and line[pipes[columns - 1] :].strip() else line
