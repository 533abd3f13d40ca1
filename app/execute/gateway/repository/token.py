"""The read token of one door: in memory only, put there by a worker, asked for when there is none or it is refused."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import NamedTuple

import anyio

# A worker is woken so often, and each time so long waited for: about twenty seconds in all.
ASKS = 3
WAIT_SECONDS = 7.0
# With less left, another one is asked for.
_MARGIN_SECONDS = 60.0
# A token that was just put there is used whatever this host's clock thinks of its end; GitHub says if it is over.
_FRESH_SECONDS = 300.0
# After a "no", or after nobody answered, requests are refused so long without asking again.
_REST_SECONDS = 15.0


class ReadToken(NamedTuple):
    """A token to read one repository with; `id` may be logged, `expires_at` is in seconds since 1970."""

    id: str
    value: str
    expires_at: float

    def __repr__(self) -> str:
        return f"ReadToken({self.id})"


@dataclass
class TokenBox:
    """What one door knows of its token: the token, or `why` there is none until `rests_until` (monotonic)."""

    token: ReadToken | None = None
    put_at: float = 0.0
    why: str = ""
    is_final: bool = False
    rests_until: float = 0.0
    changed: anyio.Event = field(default_factory=anyio.Event)
    asking: anyio.Lock = field(default_factory=anyio.Lock)

    def put(self, token: ReadToken) -> None:
        """Take a token from a worker."""
        self.token, self.put_at, self.why, self.rests_until = token, time.monotonic(), "", 0.0
        self._tell()

    def refuse(self, why: str) -> None:
        """Take a worker's word that there is none; the token of before is not used any more."""
        self.token = None
        self.rest(why, is_final=True)
        self._tell()

    def rest(self, why: str, *, is_final: bool) -> None:
        """Refuse requests for a while without asking again."""
        self.why, self.is_final, self.rests_until = why, is_final, time.monotonic() + _REST_SECONDS

    def usable(self, stale: str) -> ReadToken | None:
        """Return the token, unless it is the one that GitHub refused, or is about to end."""
        token = self.token
        if token is None or token.id == stale:
            return None
        is_fresh = time.monotonic() - self.put_at < _FRESH_SECONDS
        return token if is_fresh or token.expires_at - time.time() > _MARGIN_SECONDS else None

    def is_resting(self) -> bool:
        """Return whether requests are refused for now."""
        return time.monotonic() < self.rests_until

    def _tell(self) -> None:
        self.changed.set()
        self.changed = anyio.Event()


class NoToken(Exception):
    """There is no token: `is_final` tells a worker's no from a worker that did not answer."""

    def __init__(self, why: str, *, is_final: bool) -> None:
        super().__init__(why)
        self.is_final = is_final
