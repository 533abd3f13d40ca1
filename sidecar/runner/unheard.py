"""Letters to an agent that takes none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .letters import Letter


class Unheard:
    """Says of each letter that nobody read it."""

    def __init__(self, remark: Callable[[str], None]) -> None:
        self._remark = remark

    def receive(self, letters: Sequence[Letter]) -> None:
        """Note that they came."""
        for letter in letters:
            author = letter.author or "somebody"
            self._remark(f"a message from {author} was not handed on: this agent takes none while it works")

    def confirmed(self, seen: int) -> int:
        """Return `seen`, so that it comes no second time."""
        return seen
