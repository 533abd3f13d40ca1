"""A command's output, in bounded memory and always cut in the same way."""

from __future__ import annotations

import threading
from typing import IO

KEPT_BYTES = 64 * 1024
SHOWN_CHARACTERS = 10_000
READ_BYTES = 64 * 1024


class Captured:
    """The first and the last bytes of a stream, read in a background thread until its end."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._left_out = 0
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._reader.start()

    def wait(self, seconds: float) -> None:
        """Wait until the stream has ended; one that a background process holds open is read on."""
        self._reader.join(seconds)

    def text(self) -> str:
        """Return what came so far, with a mark where the middle was left out."""
        with self._lock:
            if not self._left_out:
                return (self._head + self._tail).decode("utf-8", errors="replace")
            head, tail = (bytes(part).decode("utf-8", errors="replace") for part in (self._head, self._tail))
            return f"{head}\n[... {self._left_out} bytes left out ...]\n{tail}"

    def _read(self, pipe: IO[bytes]) -> None:
        while chunk := pipe.read(READ_BYTES):
            with self._lock:
                room = KEPT_BYTES - len(self._head)
                self._head += chunk[:room]
                self._tail += chunk[room:]
                over = len(self._tail) - KEPT_BYTES
                if over > 0:
                    self._left_out += over
                    del self._tail[:over]


def shown(text: str) -> str:
    """Return at most about 10,000 characters: the beginning and the end of a longer text, with a mark between."""
    if len(text) <= SHOWN_CHARACTERS:
        return text
    half = SHOWN_CHARACTERS // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half} characters left out ...]\n{text[-half:]}"
