"""Writing an agent's standard input off the main thread, so that an agent that never reads blocks nothing."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable
from typing import IO

from .letters import Letter


def pour(pipe: IO[bytes], text: str) -> None:
    """Write `text` and close the pipe, in the background; an agent that does not read it all is no error."""
    threading.Thread(target=_pour, args=(pipe, text.encode("utf-8", "replace")), name="stdin", daemon=True).start()


def _pour(pipe: IO[bytes], raw: bytes) -> None:
    try:
        _write(pipe, raw)
    except OSError:
        return
    finally:
        _close(pipe)


class LetterLines:
    """Hands letters to an agent that stays, as JSON lines on its standard input, after what it reads first."""

    def __init__(self, remark: Callable[[str], None]) -> None:
        self._remark = remark
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def open(self, pipe: IO[bytes], text: str) -> None:
        """Begin to write."""
        threading.Thread(target=self._work, args=(pipe, text.encode("utf-8", "replace")), name="stdin", daemon=True).start()

    def receive(self, letter: Letter) -> None:
        """Take one letter."""
        # Our own words never break off what it does: of a command that was to submit nothing would be left.
        line = {"type": "message", "author": letter.author, "text": letter.text} | ({"now": True} if letter.now and letter.id else {})
        self._lines.put(json.dumps(line, ensure_ascii=True).encode() + b"\n")

    def confirmed(self, seen: int) -> int:
        """Return `seen`: what is on its way cannot be asked back."""
        return seen

    def _work(self, pipe: IO[bytes], first: bytes) -> None:
        line = first
        try:
            while True:
                _write(pipe, line)
                line = self._lines.get()
        except OSError:
            self._remark("a message could not be handed on: the agent has closed its standard input")


def _write(pipe: IO[bytes], raw: bytes) -> None:
    left = memoryview(raw)
    while left:
        left = left[pipe.write(left) :]


def _close(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except OSError:
        return
