"""Rate limits (R26): wait exactly as long as told, a minute where nothing is told, and never for something else."""

from __future__ import annotations

import pytest

from app.core.line.throttle import Scarce, retry_after_seconds, scarce

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
    (403, {"retry-after": "Tue, 14 Nov 2023 22:14:20 GMT"}, "", 60.0),
    (403, {"retry-after": "Tue, 14 Nov 2023 22:14:20 GMT", "date": "Tue, 14 Nov 2023 22:14:00 GMT"}, "", 20.0),
    (403, {"retry-after": "Tue, 14 Nov 2023 20:00:00 GMT"}, "", 1.0),
    (429, {"retry-after": "Tue, 99 Nov 99999 22:14:20 GMT", "date": "\u00b2"}, "", 60.0),
    # GitHub's clock is ten minutes behind ours.
    (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1699999700", "date": "Tue, 14 Nov 2023 22:03:20 GMT"}, "", 300.0),
    (404, {}, "", None),
])
def test_r26_how_long_to_wait(status: int, headers: dict[str, str], message: str, seconds: float | None) -> None:
    assert retry_after_seconds(status, headers, message, NOW) == seconds


def said(**limits: str) -> dict[str, str]:
    return {f"x-ratelimit-{name}": value for name, value in limits.items()}


@pytest.mark.parametrize(("headers", "expected"), [
    (said(limit="5000", remaining="4000", reset="1700003000"), None),
    (said(limit="5000", remaining="501", reset="1700003000"), None),
    (said(limit="5000", remaining="500", reset="1700003000"), Scarce(36.0, 3000.0, False)),
    (said(limit="5000", remaining="6", reset="1700000600"), Scarce(600.0, 600.0, False)),
    (said(limit="5000", remaining="0", reset="1700000600"), Scarce(600.0, 600.0, True)),
    (said(limit="5000", remaining="0", reset="1699999999"), None),
    (said(limit="5000", remaining="0", reset="1700000600", resource="graphql"), None),
    (said(limit="5000", remaining="0"), None),
    (said(limit="0", remaining="0", reset="1700000600"), None),
    (said(limit="5000", remaining="-1", reset="-5"), None),
    (said(limit="5000", remaining="0", reset="1699999700") | {"date": "Tue, 14 Nov 2023 22:03:20 GMT"}, Scarce(300.0, 300.0, True)),
    ({}, None),
])
def test_r26_what_is_left_is_spread_over_the_time_before_it_is_used_up(headers: dict[str, str], expected: Scarce | None) -> None:
    assert scarce(headers, NOW) == expected
