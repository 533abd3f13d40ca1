"""Text as a database and UTF-8 can hold it."""

from __future__ import annotations


def storable(text: str) -> str:
    """Return `text` without what a database or UTF-8 cannot hold: U+0000 and lone surrogates."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")
