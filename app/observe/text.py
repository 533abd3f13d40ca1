"""Text as a person may safely see it, on a page or in a terminal: what an agent wrote steers nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime

# Only what a terminal would swallow without a trace is taken out whole; of everything else the words stay.
# https://invisible-island.net/xterm/ctlseqs/ctlseqs.html
_COLOURS_AND_CURSOR = re.compile("(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]")


def printable(text: str) -> str:
    """Return text that steers nothing: no control characters but newline and tab, no bidirectional marks."""
    if "\r" in text:
        # A lone carriage return would write over the line before it.
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    kept = (c if c in "\n\t" or c.isprintable() else " " if c.isspace() else "" for c in _COLOURS_AND_CURSOR.sub("", text))
    return "".join(kept)


def line(text: str, width: int = 200) -> str:
    """Return text in one line of at most `width` characters."""
    words = " ".join(printable(text[: width * 8]).split())
    return words if len(words) <= width else words[: width - 3] + "..."


def cut(text: str, limit_chars: int) -> str:
    """Return printable text, with a word at its end where it was cut."""
    shown = printable(text[:limit_chars])
    return shown if len(text) <= limit_chars else f"{shown}\n[{len(text) - limit_chars} more characters]"


def span(duration_ms: int | None) -> str:
    """Return a duration as a person reads it: `830 ms`, `4.2 s`, `3 min 05 s`."""
    if duration_ms is None:
        return "..."
    if duration_ms < 1000:
        return f"{max(0, duration_ms)} ms"
    if duration_ms < 60_000:
        return f"{duration_ms / 1000:.1f} s"
    minutes, seconds = divmod(duration_ms // 1000, 60)
    return f"{minutes} min {seconds:02d} s"


def clock(at_ms: int) -> str:
    """Return a moment in UTC, to the second."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
