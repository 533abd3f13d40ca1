"""Ids that Bellhop gives to what it writes in Linear, so that it finds it again: Linear takes a client's own UUID; pure."""

from __future__ import annotations

import hashlib
import json
import uuid


def own_id(*parts: str) -> str:
    """Return the UUID (version 4 in form, which Linear asks for) that always comes of the same words."""
    return str(uuid.UUID(bytes=hashlib.sha256(json.dumps(["bellhop", *parts]).encode()).digest()[:16], version=4))


def digest(*parts: object) -> str:
    """Return a short name for words as they stand."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
