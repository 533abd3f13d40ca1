"""Paths of a repository as the file systems of those who check it out may take them; pure.

What git stores as two names can be one file: case does not count on macOS and Windows, HFS+ passes over invisible
characters, NTFS over dots and blanks at a name's end, over what follows a colon, and it knows short names. Git refuses such
spellings of `.git` only (https://git-scm.com/docs/git-config#Documentation/git-config.txt-coreprotectNTFS); the rest is here.
"""

from __future__ import annotations

import re
import unicodedata

_SHORT_NAME = re.compile(r"([^~]{1,6})~[0-9]{1,6}(?:\.([^.]{0,3}))?")
_HASHED_SHORT_NAME = re.compile(r"([^~]{1,2})[0-9a-f]{4}~[0-9]{1,6}(?:\.([^.]{0,3}))?")


def folded(path: str) -> tuple[str, ...]:
    """Return the pieces of a path in a normal form: two paths that some file system takes for one have the same.

    Folding what is folded already changes nothing. Pieces that name no file of their own (empty, `.`) are left out.
    """
    pieces = (_folded_piece(piece) for piece in re.split(r"[/\\]", path))
    # A letter of another width can fold to a separator, or to a dot.
    return tuple(piece for folded in pieces for piece in re.split(r"[/\\]", folded) if piece not in ("", "."))


def may_be_short_for(piece: str, pattern: str) -> bool:
    """Return whether a folded piece has the shape of a short name that NTFS may give to what `pattern` (folded) matches.

    It says yes too often: which number stands after the tilde, and the hash, depends on what else is in the directory.
    """
    shapes = [shape for one in (_SHORT_NAME, _HASHED_SHORT_NAME) if (shape := one.fullmatch(piece)) is not None]
    if not shapes:
        return False
    literal = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    is_whole = literal == pattern
    base, dot, extension = literal.lstrip(".").rpartition(".") if is_whole else (literal.lstrip("."), "", "")
    if is_whole and not dot:
        base, extension = extension, ""
    letters = re.sub(r"[. ]", "", base)
    if is_whole:
        return any(letters.startswith(shape[1]) and (shape[2] or "") == extension[:3] for shape in shapes)
    return any(letters.startswith(shape[1]) or shape[1].startswith(letters) for shape in shapes)


def _folded_piece(piece: str) -> str:
    before = ""
    while piece != before:
        before = piece
        piece = "".join(c for c in piece if unicodedata.category(c) not in ("Cf", "Cc") and not _is_selector(c))
        piece = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", piece).casefold())
        piece = piece.partition(":")[0] if not piece.startswith(":") else piece
        piece = piece.rstrip(". ") if piece.strip(". ") else piece
    return piece


def _is_selector(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
