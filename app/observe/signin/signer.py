"""What Bellhop hands to a browser and takes back: signed, for one purpose, for so long."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from typing import Any

import jwt

_ALGORITHM = "HS256"
_LONGEST = 4096


class Signer:
    """Signs with a key that is derived for this; every web process with the same secret reads what another has signed."""

    def __init__(self, secret: str) -> None:
        self._key = hmac.digest(secret.encode(), b"bellhop: cookies of the pages, 1", "sha256")

    def sign(self, purpose: str, seconds: float, **claims: str) -> str:
        """Return a token (JWT, HS256) that says this, for one purpose, until then. Whoever has it can read it."""
        return jwt.encode({**claims, "aud": purpose, "exp": int(time.time() + seconds)}, self._key, _ALGORITHM)

    def read(self, purpose: str, token: str) -> dict[str, Any] | None:
        """Return what a token of ours for that purpose says; None for a forged, an old or another one."""
        if not token or len(token) > _LONGEST:
            return None
        try:
            found: dict[str, Any] = jwt.decode(token, self._key, algorithms=[_ALGORITHM], audience=purpose, options={"require": ["exp", "aud"]})
        except (jwt.InvalidTokenError, UnicodeError):
            return None
        return found

    def tag(self, purpose: str, *words: str) -> str:
        """Return 43 characters that nobody else can make of these words for that purpose, and that say nothing of them."""
        said = "\0".join((purpose, *(str(len(word)) for word in words), *words))
        return base64.urlsafe_b64encode(hmac.digest(self._key, said.encode(), hashlib.sha256)).decode().rstrip("=")

    def is_tag(self, given: str, purpose: str, *words: str) -> bool:
        """Return whether that is the tag of these words."""
        return hmac.compare_digest(given.encode(), self.tag(purpose, *words).encode())
