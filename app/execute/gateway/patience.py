"""Telling an agent that its model is down, in words that no client takes for a reason to ask once more; pure."""

from __future__ import annotations

# As often in a row as the CLIs with a setting for it are set to try: codex, claude-code.
MOST_FAILURES = 3
# Whoever asks after a pause as long as this is answered anew: it may be another turn, an hour later.
FORGETS_AFTER_SECONDS = 30.0


class Patience:
    """How often a sandbox has seen a model fail in a row, by the model it asked for; times are of a steady clock in seconds."""

    def __init__(self) -> None:
        self._failures: dict[str, tuple[int, float, int]] = {}

    def note(self, model: str, status: int, *, failed: bool, began: float, now: float) -> None:
        """Note how the model answered `now` what it was asked when it `began`."""
        if not failed:
            self._failures.pop(model, None)
            return
        count, last, _ = self._failures.get(model, (0, began, 0))
        if count and began < last:
            return  # it was under way when another one failed: one trouble, however many requests meet it
        if began - last >= FORGETS_AFTER_SECONDS:
            count = 0
        self._failures[model] = (count + 1, now, status)

    def out(self, model: str, now: float) -> int | None:
        """Return the status of the last failure while the model is thought down, and asking it again at once of no use; else None."""
        count, last, status = self._failures.get(model, (0, now, 0))
        return status if count >= MOST_FAILURES and now - last < FORGETS_AFTER_SECONDS else None
