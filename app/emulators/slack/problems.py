"""Slack's own refusals: HTTP 200 with `ok: false` and a word; only the rate limit has a status of its own.

https://docs.slack.dev/apis/web-api/#responses
"""

from __future__ import annotations

from app.emulators.slack.state import Json


class Refusal(Exception):
    """An answer that is an error of the caller: Slack's word for it, and what else stands beside it."""

    def __init__(self, error: str, *, status: int = 200, headers: dict[str, str] | None = None, **beside: object) -> None:
        super().__init__(error)
        self.status = status
        self.headers = headers or {}
        self.body: Json = {"ok": False, "error": error, **beside}


def missing_scope(needed: str, provided: list[str]) -> Refusal:
    """The token was not given what the method needs."""
    return Refusal("missing_scope", needed=needed, provided=",".join(provided))


def invalid_arguments(*messages: str) -> Refusal:
    """Some arguments are missing or wrong; each message is Slack's sentence."""
    return Refusal("invalid_arguments", response_metadata={"messages": [f"[ERROR] {one}" for one in messages]})


def invalid_blocks(messages: list[str]) -> Refusal:
    """The blocks break Block Kit's rules."""
    return Refusal("invalid_blocks", errors=messages, response_metadata={"messages": [f"[ERROR] {one}" for one in messages]})


def ratelimited(retry_after_seconds: int) -> Refusal:
    """Too many requests: https://docs.slack.dev/apis/web-api/rate-limits"""
    return Refusal("ratelimited", status=429, headers={"retry-after": str(retry_after_seconds)})
