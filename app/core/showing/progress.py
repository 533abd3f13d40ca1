"""How far a run is, in words that change seldom: every edit of a comment is a request to a service that counts them. Pure."""

from __future__ import annotations

_FIRST_MINUTES = (1, 2, 3, 5, 8, 12, 20, 30)
_THEN_EVERY_MINUTES = 30


def shown_minutes(elapsed_ms: int) -> int:
    """Return the minutes to show of a run that has gone on for so long: 0 in its first, then 1, 2, 3, 5, 8, 12, 20, 30, 60, 90, ..."""
    minutes = max(0, elapsed_ms) // 60_000
    if minutes >= _THEN_EVERY_MINUTES:
        return minutes // _THEN_EVERY_MINUTES * _THEN_EVERY_MINUTES
    return max((each for each in _FIRST_MINUTES if each <= minutes), default=0)


def progress_in_words(minutes: int, turns: int, cost: str) -> str:
    """Return what to say after so many minutes (0: nothing yet); `cost` is what the `turns` of the model cost, in words."""
    if not minutes:
        return ""
    work = f"; {turns} turns of the model, {cost}" if turns and cost else ""
    return f"After {minutes} min{work}."
