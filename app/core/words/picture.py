"""What kind of picture some bytes are, by how they begin: what anybody says of them counts for nothing."""

from __future__ import annotations

# The ending of the name under which an agent finds it, and what such a file begins with.
_BEGINNINGS = (("png", b"\x89PNG\r\n\x1a\n"), ("jpg", b"\xff\xd8\xff"), ("gif", b"GIF87a"), ("gif", b"GIF89a"))


def kind_of(content: bytes) -> str:
    """Return `png`, `jpg`, `gif` or `webp`; an empty string for what is no picture that models look at."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "webp"
    return next((kind for kind, beginning in _BEGINNINGS if content.startswith(beginning)), "")
