"""Markup that a rendered page does not show to whoever reads it: taken out, and counted; pure.

The person who rings vouches for what they have read. GitHub renders markdown with most of HTML taken out
(https://github.github.com/gfm/), so what is listed here can hold orders that only a model would see.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
# `[label]: address "title"`: shows nothing by itself, and the old trick `[//]: # (words)` is one.
# Blanks are taken once and for all (`*+`): each text is somebody's, and may be made to be slow.
_DEFINITION = re.compile(
    r"""^[ ]{0,3}\[(?:[^\[\]\\\n]|\\.)++\]:[ \t]*+\n?+[ \t]*+\S++
        (?:(?>[ \t]*\n?[ \t]*)(?:"[^"\n]*"|'[^'\n]*'|\([^()\n]*\)))?[ \t]*+$""", re.MULTILINE | re.VERBOSE,
)
_ALT = re.compile(r"!\[((?:[^\[\]\\]|\\.|\[[^\[\]]*\])+)\](?=[(\[])")
_TITLE = re.compile(
    r"""(?<=\])(\([ \t\n]*+(?:<[^<>\n]*>|[^\s()<>"']*+))[ \t\n]*+(?:"[^"]*"|'[^']*'|\([^()]*\))[ \t\n]*+\)"""
)
_TAG = re.compile(
    r"""<([A-Za-z][A-Za-z0-9-]*+)((?>\s+[A-Za-z_:][A-Za-z0-9_.:-]*+(?:\s*+=\s*+(?:[^\s"'=<>`]++|'[^']*'|"[^"]*"))?)+)(\s*/?)>"""
)
_ATTRIBUTE = re.compile(r"""\s+([A-Za-z_:][A-Za-z0-9_.:-]*)(?:\s*=\s*(?:[^\s"'=<>`]+|'[^']*'|"[^"]*"))?""")
_SHOWN_ATTRIBUTES = ("href", "src")
_FOLDED = re.compile(r"<details\s*>(?!\[Bellhop: folded)", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#[0-9]{1,8}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")

IsVisible = Callable[[str], bool]


def without_unshown(prose: str, is_visible: IsVisible) -> tuple[str, int]:
    """Return markdown outside code without what its page does not show, and how many characters that were.

    Comments and link definitions leave a note; descriptions of images, titles of links, attributes of tags and entities
    that stand for invisible characters just go; what is folded away is said to be.
    """
    taken = 0

    def note(what: str) -> Callable[[re.Match[str]], str]:
        def said(found: re.Match[str]) -> str:
            nonlocal taken
            taken += len(found.group())
            return f"[Bellhop: a {what} of {len(found.group())} characters that the page does not show was taken out]"
        return said

    def keep(kept: Callable[[re.Match[str]], str]) -> Callable[[re.Match[str]], str]:
        def cut(found: re.Match[str]) -> str:
            nonlocal taken
            left = kept(found)
            taken += len(found.group()) - len(left)
            return left
        return cut

    prose = _COMMENT.sub(note("comment"), prose)
    prose = _DEFINITION.sub(note("link definition"), prose)
    prose = _ALT.sub(keep(lambda _: "![]"), prose)
    prose = _TITLE.sub(keep(lambda found: f"{found[1]})"), prose)
    prose = _TAG.sub(keep(_tag), prose)
    prose = _ENTITY.sub(keep(lambda found: found[0] if _shows(found[0], is_visible) else ""), prose)
    return _FOLDED.sub(r"\g<0>[Bellhop: folded on the page, seen only by those who open it]", prose), taken


def _tag(found: re.Match[str]) -> str:
    kept = "".join(one[0] for one in _ATTRIBUTE.finditer(found[2]) if one[1].lower() in _SHOWN_ATTRIBUTES)
    return f"<{found[1]}{kept}{found[3]}>"


def _shows(entity: str, is_visible: IsVisible) -> bool:
    return all(is_visible(character) for character in html.unescape(entity))
