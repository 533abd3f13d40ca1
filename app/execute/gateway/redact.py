"""Taking one known secret out of a byte stream, wherever its chunks are cut."""

from __future__ import annotations

MASK = b"[redacted]"


class Redactor:
    """Replaces `secret` in a stream; holds back only what may be the secret's beginning."""

    def __init__(self, secret: bytes) -> None:
        if not secret:
            raise ValueError("there is no secret to look for")
        self._secret = secret
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Take the next chunk and return what can be passed on."""
        data = (self._held + data).replace(self._secret, MASK)
        keep = next(
            (size for size in range(min(len(self._secret) - 1, len(data)), 0, -1)
             if data.endswith(self._secret[:size])),
            0,
        )
        self._held = data[len(data) - keep:]
        return data[: len(data) - keep]

    def flush(self) -> bytes:
        """Return what was held back, once the stream has ended."""
        held, self._held = self._held, b""
        return held
