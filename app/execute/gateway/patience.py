"""Telling an agent that its model is down, in words that no client takes for a reason to ask once more; pure."""

from __future__ import annotations

# As often in a row as the CLIs with a setting for it are set to try: codex, claude-code.
MOST_FAILURES = 3
# Whoever asks after a pause as long as this is answered anew: it may be another turn, an hour later.
FORGETS_AFTER_SECONDS = 30.0


class Patience:
    """How often a sandbox has seen its model fail in a row; `now` is a steady clock in seconds."""

    def __init__(self) -> None:
        self._failures = 0
        self._last = 0.0

    def note(self, *, failed: bool, now: float) -> None:
        """Note how the model answered."""
        self._failures = self._failures + 1 if failed else 0
        self._last = now

    def is_out(self, now: float) -> bool:
        """Whether the model is thought down: asking again at once is of no use."""
        return self._failures >= MOST_FAILURES and now - self._last < FORGETS_AFTER_SECONDS
