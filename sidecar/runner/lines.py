"""From an agent's raw output to clean lines, in bounded memory whatever it prints."""

from __future__ import annotations

import codecs

LINE_LIMIT_BYTES = 32 * 1024
_MARKER_ROOM_BYTES = 64


class LineSplitter:
    """Splits one stream at newlines.

    Of a line that was redrawn with carriage returns the last drawing stays. A line over the limit is cut, with a
    marker. Splitting bytes before decoding them keeps characters whole across chunk borders: no byte of a
    multi-byte UTF-8 character is a newline.
    """

    def __init__(self, limit_bytes: int = LINE_LIMIT_BYTES) -> None:
        self._limit = limit_bytes
        self._pending = bytearray()
        self._dropped = 0
        self._return_pending = False

    def feed(self, chunk: bytes) -> list[str]:
        """Take the next bytes and return the lines that they complete."""
        *whole, rest = chunk.split(b"\n")
        lines = []
        for piece in whole:
            self._take(piece)
            lines.append(self._finish())
        self._take(rest)
        return lines

    def close(self) -> list[str]:
        """Return the last line if the stream ended without a newline."""
        return [self._finish()] if self._pending or self._dropped else []

    def _take(self, piece: bytes) -> None:
        # A return at the very end may be the first half of CR LF: what it redraws is decided by what follows.
        body = piece.rstrip(b"\r")
        if not body:
            self._return_pending = self._return_pending or bool(piece)
            return
        if self._return_pending:
            self._forget()
        self._return_pending = len(body) < len(piece)
        start = body.rfind(b"\r") + 1
        if start:
            self._forget()
        room = max(self._limit - len(self._pending), 0)
        kept = body[start : start + room]
        self._pending += kept
        self._dropped += len(body) - start - len(kept)

    def _forget(self) -> None:
        self._pending.clear()
        self._dropped = 0

    def _finish(self) -> str:
        text = readable(bytes(self._pending), self._dropped, self._limit)
        self._forget()
        self._return_pending = False
        return text


def readable(raw: bytes, dropped_bytes: int, limit_bytes: int) -> str:
    """Decode a line, with U+FFFD for NUL and for what is not UTF-8, in at most `limit_bytes` of UTF-8."""
    text = raw.decode("utf-8", errors="replace").replace("\0", "\ufffd")
    encoded = text.encode()
    if not dropped_bytes and len(encoded) <= limit_bytes:
        return text
    room = limit_bytes - _MARKER_ROOM_BYTES
    head = codecs.getincrementaldecoder("utf-8")().decode(encoded[:room])
    return f"{head} [... {dropped_bytes + len(encoded) - len(head.encode())} more bytes cut]"
