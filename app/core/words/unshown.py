"""Markup that a rendered page does not show to whoever reads it: taken out, and counted; pure.

The person who rings vouches for what they have read. GitHub renders markdown with most of HTML taken out
(https://github.github.com/gfm/), so what is listed here can hold orders that only a model would see.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import groupby
from typing import NamedTuple

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
# `[label]: address "title"`: shows nothing by itself, and the old trick `[//]: # (words)` is one.
# Blanks are taken once and for all (`*+`): each text is somebody's, and may be made to be slow.
_DEFINITION = re.compile(
    r"""^[ ]{0,3}\[(?!\^[^\]\s]+\])(?:[^\[\]\\\n]|\\.)++\]:[ \t]*+\n?+[ \t]*+\S++
        (?:(?>[ \t]*\n?[ \t]*)(?:"[^"\n]*"|'[^'\n]*'|\([^()\n]*\)))?[ \t]*+$""", re.MULTILINE | re.VERBOSE,
)
_ANY_ALT = re.compile(r"!\[((?:[^\[\]\\]|\\.|\[[^\[\]]*\])+)\]")
_ALT = re.compile(rf"{_ANY_ALT.pattern}(?=[(\[])")
_TITLE = re.compile(
    r"""(?<=\])(\([ \t\n]*+(?:<[^<>\n]*>|[^\s()<>"']*+))[ \t\n]*+(?:"[^"]*"|'[^']*'|\([^()]*\))[ \t\n]*+\)"""
)
_TAG = re.compile(
    r"""<([A-Za-z][A-Za-z0-9-]*+)((?>\s+[A-Za-z_:][A-Za-z0-9_.:-]*+(?:\s*+=\s*+(?:[^\s"'=<>`]++|'[^']*'|"[^"]*"))?)+)(\s*/?)>"""
)
_ATTRIBUTE = re.compile(r"""\s+([A-Za-z_:][A-Za-z0-9_.:-]*)(?:\s*=\s*(?:[^\s"'=<>`]+|'[^']*'|"[^"]*"))?""")
_SHOWN_ATTRIBUTES = ("href", "src")
_FOLDED = re.compile(r"<details\s*>(?!\[Bellhop: folded)", re.IGNORECASE)
# Processing instructions, declarations, CDATA: none of them is shown.
_DECLARATION = re.compile(r"<\?.*?(?:\?>|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)|<![A-Za-z][^>]*(?:>|\Z)", re.DOTALL)
# In a block of HTML everything is as a browser takes it, which takes more than markdown does for a tag, an attribute or a comment.
# https://html.spec.whatwg.org/multipage/parsing.html#tag-open-state
_BOGUS = re.compile(r"<(?:!(?!--)|\?|/(?![A-Za-z]))[^>]*(?:>|\Z)")
_HTML_ATTRIBUTE = r"""=?[^\s/>=]++(?:\s*+=\s*+(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)|[^\s>"'][^\s>]*+)?+)?+"""
_HTML_TAG = re.compile(rf"<(/?)([A-Za-z][^\s/>]*+)((?:[\s/]++|{_HTML_ATTRIBUTE}|=)*+)(>|\Z)")
_HTML_ATTRIBUTES = re.compile(_HTML_ATTRIBUTE)
# What GitHub keeps of HTML: https://github.com/gjtorikian/html-pipeline/blob/main/lib/html_pipeline/sanitization_filter.rb
_SHOWN_TAGS = frozenset(
    """h1 h2 h3 h4 h5 h6 h7 h8 br b i strong em a pre code img tt div ins del sup sub p picture ol ul table thead tbody tfoot blockquote dl
    dt dd kbd q samp var hr ruby rt rp li tr td th s strike summary details caption figure figcaption abbr bdo cite dfn mark small source
    span time wbr section center font video""".split()  # noqa: SIM905 - sixty quoted words would hide the list
)
# Behind whatever begins a quotation or an item of a list.
_FOOTNOTE = re.compile(r"(?:[ \t>]|[-+*][ \t]|\d{1,9}[.)][ \t])*+\[\^([^\]\s]+)\]:")
_QUOTED = re.compile(r"(?:[ ]{0,3}> ?)+")
_REFERENCE = re.compile(r"\[\^([^\]\s]+)\](?!:)")
_CODE_SPAN = re.compile(r"`[^`]*`")
_ENTITY = re.compile(r"&(?:#[0-9]{1,8}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")

NOTE_START = "[Bellhop: "

IsVisible = Callable[[str], bool]


class Shown(NamedTuple):
    """What a page shows of a text, how many characters it does not, how many notes say so, and whether it hides all that follows."""

    text: str
    hidden: int
    notes: int = 0
    is_open: bool = False


class _Taking:
    """Counts what is taken out of one text, and leaves up to `notes` notes of it."""

    def __init__(self, notes: int) -> None:
        self.taken, self.notes, self._most = 0, 0, notes

    def note(self, what: str) -> Callable[[re.Match[str]], str]:
        return lambda found: self.noted(what, found[0])

    def noted(self, what: str, gone: str) -> str:
        self.taken += len(gone)
        if self.notes >= self._most:
            return ""
        self.notes += 1
        return f"{NOTE_START}a {what} of {len(gone)} characters that the page does not show was taken out]"

    def keep(self, kept: Callable[[re.Match[str]], str]) -> Callable[[re.Match[str]], str]:
        def cut(found: re.Match[str]) -> str:
            left = kept(found)
            self.taken += len(found[0]) - len(left)
            return left
        return cut

    def fold(self, found: re.Match[str]) -> str:
        if self.notes >= self._most:
            return found[0]
        self.notes += 1
        return f"{found[0]}{NOTE_START}folded on the page, seen only by those who open it]"


def without_unshown(prose: str, is_visible: IsVisible, notes: int, footnotes: AbstractSet[str] = frozenset(), *, defines: bool = False) -> Shown:
    """Return markdown outside code and blocks of HTML without what its page does not show.

    Comments, link definitions and `footnotes` (labels that nothing refers to) leave a note, up to `notes`; descriptions of
    images, titles of links, attributes of tags and entities that stand for invisible characters just go; what is folded away
    is said to be. `defines` says that the text defines links, so that `![words]` by itself may be an image.
    """
    taking = _Taking(notes)
    prose = _COMMENT.sub(taking.note("comment"), prose)
    prose = _DECLARATION.sub(taking.note("comment"), prose)
    prose = _without_footnotes(prose, footnotes, taking)
    prose = _DEFINITION.sub(taking.note("link definition"), prose)
    prose = (_ANY_ALT if defines else _ALT).sub(taking.keep(lambda _: "![]"), prose)
    prose = _TITLE.sub(taking.keep(lambda found: f"{found[1]})"), prose)
    prose = _TAG.sub(taking.keep(_tag), prose)
    prose = _ENTITY.sub(taking.keep(lambda found: found[0] if _shows(found[0], is_visible) else ""), prose)
    return Shown(_FOLDED.sub(taking.fold, prose), taking.taken, taking.notes)


def definition_as_shown(lines: str, notes: int) -> Shown:
    """Return what stands for the definition of a link, of which the page shows nothing."""
    taking = _Taking(notes)
    end = "\n" if lines.endswith("\n") else ""
    return Shown(taking.noted("link definition", lines.removesuffix("\n")) + end, taking.taken, taking.notes)


def html_as_shown(block: str, is_visible: IsVisible, notes: int) -> Shown:
    """Return a block of HTML without what its page does not show: comments, and of tags all but those that GitHub keeps.

    `is_open` where it ends within a comment or a tag, which then goes on for the rest of the page.
    """
    taking = _Taking(notes)
    opened = [found for found in _COMMENT.finditer(block) if not found[0].endswith("-->")]
    block = _COMMENT.sub(taking.note("comment"), block)
    opened += [found for each in (_BOGUS, _HTML_TAG) for found in each.finditer(block) if not found[0].endswith(">")]
    block = _BOGUS.sub(taking.note("comment"), block)
    block = _HTML_TAG.sub(taking.keep(_html_tag), block)
    block = _ENTITY.sub(taking.keep(lambda found: found[0] if _shows(found[0], is_visible) else ""), block)
    # Bare definitions and descriptions are words here; a markdown image in HTML is no image.
    return Shown(_FOLDED.sub(taking.fold, block), taking.taken, taking.notes, bool(opened))


def unreferenced_footnotes(prose: Iterable[str]) -> frozenset[str]:
    """Return the labels of footnotes that the page does not show, because no text outside code and footnotes refers to them."""
    defined: set[str] = set()
    referred: set[str] = set()
    for text in prose:
        lines = text.split("\n")
        for line, label in zip(lines, _footnote_of(lines), strict=True):
            if label is None:
                referred |= {each.casefold() for each in _REFERENCE.findall(_CODE_SPAN.sub("", line))}
            else:
                defined.add(label)
    return frozenset(defined - referred)


def _without_footnotes(prose: str, unreferenced: AbstractSet[str], taking: _Taking) -> str:
    if not unreferenced:
        return prose
    lines = prose.split("\n")
    kept: list[str] = []
    for label, each in groupby(zip(_footnote_of(lines), lines, strict=True), key=lambda pair: pair[0]):
        found = [line for _, line in each]
        kept += found if label is None or label not in unreferenced else [taking.noted("footnote", "\n".join(found))]
    return "\n".join(kept)


def _footnote_of(lines: Sequence[str]) -> list[str | None]:
    """Return for each line the label of the footnote that it is a part of, or None."""
    found: list[str | None] = []
    label, ended = None, False
    for line in lines:
        inner = _QUOTED.sub("", line)
        if (opening := _FOOTNOTE.match(line)) is not None:
            label, ended = opening[1].casefold(), False
        elif not inner.strip():
            ended = True
        elif ended and not inner.startswith("    "):
            label = None
        else:
            ended = False
        found.append(label)
    for at in range(len(lines) - 1, -1, -1):
        if not _QUOTED.sub("", lines[at]).strip() and (at + 1 == len(lines) or found[at + 1] != found[at]):
            found[at] = None
    return found


def _html_tag(found: re.Match[str]) -> str:
    if found[2].lower() not in _SHOWN_TAGS:
        return ""
    if found[1]:
        return f"</{found[2]}>"
    kept = (each[0] for each in _HTML_ATTRIBUTES.finditer(found[3]) if each[0].partition("=")[0].strip().lower() in _SHOWN_ATTRIBUTES)
    closing = "/" if found[3] == "/" else " /" if found[3][-2:] == " /" else ""
    return f"<{' '.join([found[2], *kept])}{closing}>"


def _tag(found: re.Match[str]) -> str:
    kept = "".join(one[0] for one in _ATTRIBUTE.finditer(found[2]) if one[1].lower() in _SHOWN_ATTRIBUTES)
    return f"<{found[1]}{kept}{found[3]}>"


def _shows(entity: str, is_visible: IsVisible) -> bool:
    return all(is_visible(character) for character in html.unescape(entity))
