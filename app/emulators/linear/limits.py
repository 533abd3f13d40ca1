"""Requests and complexity per hour and caller, by leaky buckets.

https://linear.app/developers/rate-limiting: the budgets, the headers, and that a bucket refills at a constant rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from app.emulators.linear.problems import rate_limited, too_complex

PERIOD_SECONDS = 3600.0
MAXIMUM_COMPLEXITY = 10_000


class Budget(NamedTuple):
    """What one kind of caller may use in an hour."""

    requests: float
    complexity: float


API_KEY = Budget(2_500, 3_000_000)
OAUTH = Budget(5_000, 2_000_000)
NOBODY = Budget(600, 100_000)


@dataclass
class Bucket:
    """What is left, and since when it has been refilling."""

    limit: float
    left: float
    at: float

    def refill(self, now: float) -> None:
        """Let in what has come since the last look."""
        self.left = min(self.limit, self.left + (now - self.at) * self.limit / PERIOD_SECONDS)
        self.at = now

    def full_at_ms(self) -> int:
        """Return when it will be full again, in epoch milliseconds."""
        return round((self.at + (self.limit - self.left) * PERIOD_SECONDS / self.limit) * 1000)


class Limits:
    """The buckets of every caller. `share` shrinks every budget, for tests that want to reach the end of one."""

    def __init__(self, share: float = 1.0) -> None:
        self.share = share
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def take(self, identity: str, budget: Budget, complexity: int, now: float) -> None:
        """Use up one request and its complexity. Raises Problem when either is not there; then nothing is used."""
        if complexity > MAXIMUM_COMPLEXITY:
            raise too_complex(complexity, MAXIMUM_COMPLEXITY)
        requests, points = self._both(identity, budget, now)
        if requests.left < 1:
            raise rate_limited("requests", requests.limit)
        if points.left < complexity:
            raise rate_limited("complexity points", points.limit)
        requests.left -= 1
        points.left -= complexity

    def headers(self, identity: str, budget: Budget, complexity: int, now: float) -> dict[str, str]:
        """Return the headers of every answer; the resets are epoch milliseconds."""
        shown = {"x-complexity": str(complexity)}
        for name, bucket in zip(("requests", "complexity"), self._both(identity, budget, now), strict=True):
            shown[f"x-ratelimit-{name}-limit"] = f"{bucket.limit:.0f}"
            shown[f"x-ratelimit-{name}-remaining"] = f"{int(bucket.left)}"
            shown[f"x-ratelimit-{name}-reset"] = str(bucket.full_at_ms())
        return shown

    def left(self, identity: str, budget: Budget, now: float) -> dict[str, Bucket]:
        """Return both buckets, by name."""
        return dict(zip(("requests", "complexity"), self._both(identity, budget, now), strict=True))

    def _both(self, identity: str, budget: Budget, now: float) -> tuple[Bucket, Bucket]:
        found = []
        for name, size in zip(("requests", "complexity"), budget, strict=True):
            limit = max(1.0, size * self.share)
            bucket = self._buckets.setdefault((identity, name), Bucket(limit, limit, now))
            bucket.refill(now)
            found.append(bucket)
        return found[0], found[1]
