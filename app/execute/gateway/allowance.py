"""A bound on the memory that one sandbox's requests may take up together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Share:
    """What one request has taken of an Allowance."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._taken = 0

    def take(self, size: int) -> bool:
        """Take `size` more bytes; False when the allowance does not hold them, and then none are taken."""
        if size > self._allowance.left:
            return False
        self._allowance.left -= size
        self._taken += size
        return True

    def give_back(self) -> None:
        """Give back all that was taken."""
        self._allowance.left += self._taken
        self._taken = 0


class Allowance:
    """`left` bytes may still be held by requests."""

    def __init__(self, limit_bytes: int) -> None:
        self.left = limit_bytes

    @contextmanager
    def share(self) -> Iterator[Share]:
        """Open one request's share; it is given back when the block ends."""
        share = Share(self)
        try:
            yield share
        finally:
            share.give_back()
