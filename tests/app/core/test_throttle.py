"""Rate limits (R26): wait exactly as long as told, a minute where nothing is told, and never for something else."""

from __future__ import annotations

import pytest

from app.core.line.throttle import retry_after_seconds

NOW = 1_700_000_000.0


@pytest.mark.parametrize(("status", "headers", "message", "seconds"), [
    (429, {"retry-after": "17"}, "", 17.0),
    (403, {"retry-after": "17"}, "You have exceeded a secondary rate limit", 17.0),
    (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1700000030"}, "API rate limit exceeded", 30.0),
    (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1600000000"}, "", 1.0),
    (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9999999999"}, "", 3600.0),
    (403, {"x-ratelimit-remaining": "0"}, "", 60.0),
    (403, {}, "You have exceeded a secondary rate limit. Please wait", 60.0),
    (429, {}, "", 60.0),
    (429, {"retry-after": "soon"}, "", 60.0),
    (403, {"x-ratelimit-remaining": "4000"}, "Resource not accessible by integration", None),
    (500, {"retry-after": "5"}, "", None),
    (404, {}, "", None),
])
def test_r26_how_long_to_wait(status: int, headers: dict[str, str], message: str, seconds: float | None) -> None:
    assert retry_after_seconds(status, headers, message, NOW) == seconds
