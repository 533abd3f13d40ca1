"""How long to wait before something is said again that a service did not take; pure."""

from __future__ import annotations


def backoff_seconds(attempt: int, retry_after_seconds: float | None = None, *, is_stated: bool = True) -> float:
    """Return how long to wait after a failed attempt (1, 2, ...): what the service says, else 5 s doubling up to 10 min.

    A rate limit that does not say how long (not `is_stated`) is a minute, doubling up to an hour.
    """
    if retry_after_seconds is not None and not is_stated:
        return float(min(3600.0, max(1.0, retry_after_seconds) * 2 ** min(attempt - 1, 10)))
    if retry_after_seconds is not None:
        return max(1.0, retry_after_seconds)
    return float(min(600, 5 * 2 ** min(attempt - 1, 10)))
