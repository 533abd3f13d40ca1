"""Letters to an agent that stays, as JSON lines on its standard input."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence

from .letters import Letter
from .standard_input import StandardInput


class LetterLines:
    """Hands letters on; one counts as handed over when the agent has read its whole line, and not before. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pipe: StandardInput | None = None
        self._waiting: list[Letter] = []
        # The numbers of people's letters that were written, each with what the agent has read when it has read that one.
        self._ends: list[tuple[int, int]] = []

    def open(self, pipe: StandardInput) -> None:
        """Hand on by `pipe` from now on, and first what came before."""
        with self._lock:
            self._pipe = pipe
            waiting, self._waiting = self._waiting, []
            for letter in waiting:
                self._write(pipe, letter)

    def receive(self, letters: Sequence[Letter]) -> None:
        """Take letters."""
        with self._lock:
            for letter in letters:
                if self._pipe is None:
                    self._waiting.append(letter)
                else:
                    self._write(self._pipe, letter)

    def confirmed(self, seen: int) -> int:
        """Return the number of the last letter, up to `seen`, that the agent has read."""
        with self._lock:
            read_bytes = self._pipe.read_bytes if self._pipe is not None else 0
            return max((number for number, end in self._ends if end <= read_bytes and number <= seen), default=0)

    def _write(self, pipe: StandardInput, letter: Letter) -> None:
        # Our own words never break off what it does: of a command that was to submit nothing would be left.
        line = {"type": "message", "author": letter.author, "text": letter.text} | ({"now": True} if letter.now and letter.id else {})
        end = pipe.put(json.dumps(line, ensure_ascii=True) + "\n")
        if letter.id:
            self._ends.append((letter.id, end))
