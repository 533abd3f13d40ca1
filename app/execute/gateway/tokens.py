"""Tokens of one answer, the same for every vendor."""

from __future__ import annotations

from typing import NamedTuple


class Tokens(NamedTuple):
    """`input` is all that went in: what came from the vendor's cache and what went there are parts of it.

    `cache_write_1h` is the part of `cache_write` that is kept, and paid for, for an hour.
    """

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
