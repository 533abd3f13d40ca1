"""How long a service asks us to wait, read from its answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import NamedTuple

# What GitHub asks for where it does not say how long.
# https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
UNSTATED_SECONDS = 60.0
LIMIT_SECONDS = 3600.0

# Below this share of an hour's requests, what is left is spread over the time until there are new ones.
SCARCE_SHARE = 0.1
# A token, two questions, a write, and the token back; what begins counts as so many.
REQUESTS_PER_PIECE = 6


class Scarce(NamedTuple):
    """Few requests are left, or (`is_out`) none: a piece of work may begin every `gap_seconds`, and in `until_seconds` there are new ones."""

    gap_seconds: float
    until_seconds: float
    is_out: bool


def retry_after_seconds(status: int, headers: Mapping[str, str], message: str, now_seconds: float) -> float | None:
    """Return how long to wait if the answer is a rate limit, else None; header names in lower case.

    `now_seconds` is the time since 1970. Primary limits say when they reset, secondary ones say `retry-after`
    or nothing, and either comes as 403 or 429. By the service's own clock, where it tells the time.
    """
    if status not in (403, 429):
        return None
    now_seconds = _their_now(headers, now_seconds)
    stated = _stated(headers, now_seconds)
    if stated is not None:
        return min(stated, LIMIT_SECONDS)
    if headers.get("x-ratelimit-remaining") == "0":
        reset = _number(headers.get("x-ratelimit-reset"))
        return UNSTATED_SECONDS if reset is None else min(max(1.0, reset - now_seconds), LIMIT_SECONDS)
    if status == 429 or "rate limit" in message.lower():
        return UNSTATED_SECONDS
    return None


def is_stated(headers: Mapping[str, str]) -> bool:
    """Return whether the answer of a rate limit says how long to wait; header names in lower case."""
    if _stated(headers, 0.0) is not None:
        return True
    return headers.get("x-ratelimit-remaining") == "0" and _number(headers.get("x-ratelimit-reset")) is not None


def scarce(headers: Mapping[str, str], now_seconds: float) -> Scarce | None:
    """Return how to go on with what the answer says is left, or None while that is plenty; header names in lower case.

    The main limit alone counts: GraphQL and others have their own. https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
    """
    limit, left, reset = (_number(headers.get(f"x-ratelimit-{name}")) for name in ("limit", "remaining", "reset"))
    if not limit or left is None or reset is None or headers.get("x-ratelimit-resource", "core") != "core":
        return None
    until_seconds = min(reset - _their_now(headers, now_seconds), LIMIT_SECONDS)
    if until_seconds <= 0 or left > limit * SCARCE_SHARE:
        return None
    return Scarce(min(until_seconds, until_seconds * REQUESTS_PER_PIECE / max(left, 1.0)), until_seconds, is_out=left == 0)


def _stated(headers: Mapping[str, str], now_seconds: float) -> float | None:
    """Return what `retry-after` says, in seconds: a number of them, or a date. https://www.rfc-editor.org/rfc/rfc9110#field.retry-after"""
    said = headers.get("retry-after")
    if (seconds := _number(said)) is not None:
        return seconds
    at_seconds = _date(said)
    return None if at_seconds is None else max(1.0, at_seconds - now_seconds)


def _their_now(headers: Mapping[str, str], now_seconds: float) -> float:
    """Return the time at which the service has answered, or `now_seconds`: two clocks may be minutes apart."""
    at_seconds = _date(headers.get("date"))
    return now_seconds if at_seconds is None else at_seconds


def _date(text: str | None) -> float | None:
    try:
        found = parsedate_to_datetime(text or "")
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 16 else None
