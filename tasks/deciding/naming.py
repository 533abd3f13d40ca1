"""Short names for long ones."""

from __future__ import annotations

import hashlib


def name_of(*words: str) -> str:
    """Return a short name that is the same for the same words."""
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:24]
