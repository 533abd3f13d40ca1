"""What people said meanwhile: JSON lines on standard input, as the runner writes them."""

from __future__ import annotations

import json
import os
import select

READ_BYTES = 64 * 1024


class Mailbox:
    """Reads what is there without waiting."""

    def __init__(self, handle: int = 0) -> None:
        self._handle = handle
        self._rest = b""
        self._open = True
        self._letters: list[str] = []
        self._urgent = False

    def is_urgent(self) -> bool:
        """Return whether a message waits that does not wait for the end of a command."""
        self._read()
        return self._urgent

    def has_mail(self) -> bool:
        """Return whether a message waits."""
        self._read()
        return bool(self._letters)

    def take(self) -> list[str]:
        """Return the messages that wait, as text for the model; each is returned once."""
        self._read()
        letters, self._letters = self._letters, []
        self._urgent = False
        return letters

    def _read(self) -> None:
        while self._open and select.select([self._handle], [], [], 0)[0]:
            chunk = os.read(self._handle, READ_BYTES)
            self._open = bool(chunk)
            self._rest += chunk
        *lines, self._rest = self._rest.split(b"\n")
        self._letters += [text for line in lines if (text := letter(line))]
        self._urgent = self._urgent or any(is_now(line) for line in lines)


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
