"""Canaries: secrets made for one purpose, to be looked for afterwards in whatever left. Pure.

A canary is found also in base64, hex, percent-encoding, reversed, with its head or tail cut off, and split into
pieces, as an agent was told to write keys so that no scanner would know them. What is enciphered or compressed is not.
"""

from __future__ import annotations

import base64
import re
import secrets
import string
from collections.abc import Iterable
from typing import NamedTuple

_ALPHABET = string.ascii_letters + string.digits
# Twelve characters of a random value do not turn up by chance, and most of a trimmed one still holds them.
_WINDOW = 12
_MOST_WINDOWS = 12
_NOT_ALPHANUMERIC = re.compile(rb"[^A-Za-z0-9]+")


class Canary(NamedTuple):
    """`name` is what it stands for; `value` is the secret itself, of which `common` leading characters are anybody's."""

    name: str
    value: str
    common: int = 0

    @property
    def own(self) -> str:
        """What of it is found nowhere else."""
        return self.value[self.common:]


def new_canary(name: str, prefix: str = "", length: int = 40) -> Canary:
    """Return a canary whose value, after the prefix, has never been anywhere before."""
    return Canary(name, prefix + random_value(length), len(prefix))


def random_value(length: int = 40) -> str:
    """Return letters and digits that have never been anywhere before."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def needles(value: str) -> tuple[bytes, ...]:
    """Return what to look for: pieces of the value, each in every form. Raises ValueError for a value too short to look for."""
    if len(value) < _WINDOW:
        raise ValueError(f"a canary of {len(value)} characters turns up by chance")
    last = len(value) - _WINDOW
    step = max(_WINDOW // 2, last // _MOST_WINDOWS)
    found: dict[bytes, None] = {}
    for start in (*range(0, last, step), last):
        found |= dict.fromkeys(_forms(value[start:start + _WINDOW].encode()))
    return tuple(found)


def _forms(piece: bytes) -> Iterable[bytes]:
    yield piece
    yield piece[::-1]
    yield piece.hex().encode()
    yield piece.hex().upper().encode()
    # At each of the three places where base64 of a longer text can hold it; both ends mix with their neighbours.
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + piece + b"\0" * (-(offset + len(piece)) % 3)).rstrip(b"=")
        yield encoded[4 if offset else 0:len(encoded) - 4]


def found_in(data: bytes, canaries: Iterable[Canary]) -> set[str]:
    """Return the names of the canaries that are in `data` in one form or another."""
    # What is left once everything between letters and digits is gone: a value that was split stands together again.
    joined = _NOT_ALPHANUMERIC.sub(b"", data)
    found = set()
    for canary in canaries:
        looked_for = needles(canary.own)
        together = tuple(_NOT_ALPHANUMERIC.sub(b"", needle) for needle in looked_for)
        if any(needle in data for needle in looked_for) or any(len(n) >= _WINDOW - 2 and n in joined for n in together):
            found.add(canary.name)
    return found
