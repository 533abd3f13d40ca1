"""The app's access token: read from where it is kept for all hosts, and renewed by one of them, before it ends or when Linear refuses it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, SecretStr, field_serializer

from app.errors import ServiceError
from triggers.linear.keep import SecretKeep
from triggers.linear.oauth import CONNECT, Issued, LinearGrants

# Of a day, and of thirty: long enough before the end that nobody is without one while Linear is away.
RENEW_BEFORE_SECONDS = 3600.0
# What is given out is good for as long as a request takes.
LEAST_SECONDS = 60.0


class Kept(BaseModel):
    """Tokens as they are kept; `expires_at` is in seconds since 1970."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    access: SecretStr
    refresh: SecretStr = SecretStr("")
    expires_at: float

    @field_serializer("access", "refresh", when_used="json")
    def _written(self, secret: SecretStr) -> str:
        return secret.get_secret_value()


class LinearTokens:
    """The Tokens of a LinearConnection."""

    def __init__(self, grants: LinearGrants, keep: SecretKeep, clock: Callable[[], float] = time.time) -> None:
        self._grants, self._keep, self._clock = grants, keep, clock
        self._lock = threading.Lock()
        self._known: Kept | None = None
        self._refused = ""

    def current(self) -> SecretStr:
        """Return a token that should be good for a minute. Raises ServiceError."""
        with self._lock:
            if not self._is_good(self._known, RENEW_BEFORE_SECONDS):
                self._known = read(self._keep.read())
            if not self._is_good(self._known, RENEW_BEFORE_SECONDS):
                self._renew()
            if self._known is None:
                raise ServiceError(f"Linear is not connected: {CONNECT}", reason="linear_not_connected", retry_after_seconds=60.0)
            return self._known.access

    def refused(self, token: SecretStr) -> None:
        """Hear that Linear did not take it."""
        with self._lock:
            self._refused = token.get_secret_value()

    def _renew(self) -> None:
        try:
            self._known = read(self._keep.change(self._renewed))
        except ServiceError:
            # It may do until Linear is back, or until whoever renews it has done so.
            if not self._is_good(self._known, LEAST_SECONDS):
                raise

    def _renewed(self, kept: str) -> str:
        before = read(kept)
        if self._is_good(before, RENEW_BEFORE_SECONDS):
            # Another process was faster.
            return kept
        issued = self._grants.by_refresh(before.refresh) if before is not None and before.refresh.get_secret_value() else self._grants.by_client()
        return written(issued, self._clock())

    def _is_good(self, kept: Kept | None, seconds: float) -> bool:
        return kept is not None and kept.access.get_secret_value() != self._refused and kept.expires_at - self._clock() > seconds


def read(kept: str) -> Kept | None:
    """Return tokens from what is kept."""
    return Kept.model_validate_json(kept) if kept else None


def written(issued: Issued, now: float) -> str:
    """Return what is kept of tokens that were just issued."""
    return Kept(access=issued.access_token, refresh=issued.refresh_token, expires_at=now + issued.expires_in).model_dump_json()
