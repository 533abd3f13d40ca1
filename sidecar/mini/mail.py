"""What people said meanwhile: JSON lines on standard input, as the runner writes them."""

from __future__ import annotations

import ctypes
import json
import os
import select

READ_BYTES = 64 * 1024
SPLICE_F_NONBLOCK = 2


class Mailbox:
    """Looks at what is there without waiting. A message stays in the pipe until it is taken: what is left in there nobody has read."""

    def __init__(self, handle: int = 0) -> None:
        self._handle = handle
        self._rest = b""
        self._open = True
        self._copy = os.pipe()

    def is_urgent(self) -> bool:
        """Return whether a message waits that does not wait for the end of a command."""
        return any(is_now(line) for line in self._waiting())

    def has_mail(self) -> bool:
        """Return whether a message waits."""
        return any(letter(line) for line in self._waiting())

    def take(self) -> list[str]:
        """Return the messages that wait, as text for the model; each is returned once."""
        while self._open and select.select([self._handle], [], [], 0)[0]:
            chunk = os.read(self._handle, READ_BYTES)
            self._open = bool(chunk)
            self._rest += chunk
        *lines, self._rest = self._rest.split(b"\n")
        return [text for line in lines if (text := letter(line))]

    def _waiting(self) -> list[bytes]:
        ahead = self._ahead()
        while ahead and b"\n" not in ahead:
            # Of a line that is longer than the pipe the rest comes only when there is room.
            self._rest += os.read(self._handle, len(ahead))
            ahead = self._ahead()
        return (self._rest + ahead).split(b"\n")[:-1]

    def _ahead(self) -> bytes:
        """Return what is in the pipe, and leave it there; nothing where it is no pipe. https://man7.org/linux/man-pages/man2/tee.2.html"""
        reading, writing = self._copy
        count = ctypes.CDLL(None).tee(self._handle, writing, ctypes.c_size_t(READ_BYTES), SPLICE_F_NONBLOCK)
        return os.read(reading, count) if count > 0 else b""


def is_now(line: bytes) -> bool:
    """Return whether a line is a message that does not wait."""
    try:
        return bool(json.loads(line).get("now"))
    except (ValueError, AttributeError):
        return False


def letter(line: bytes) -> str:
    """Return a line as text for the model; what is no message is nothing."""
    try:
        message = json.loads(line)
        author, text = message["author"], message["text"]
    except (ValueError, KeyError, TypeError):
        return ""
    return f"A message from {author or 'a person'}, sent while you work:\n\n{text}"
