"""Whether a text can hold the shape of a credential at all: a cheap look that says yes too often, and never no too often; pure.

Starting the process that applies detect-secrets' patterns takes a few hundred milliseconds, and most results hold nothing that
any of them could match. What each of its patterns needs stands here; a test compares the two, so that a new release of it,
with other patterns, does not go unnoticed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# Each in one of the patterns; what a pattern takes in either case is looked for in either case below.
_LITERALS = (
    "A3T", "ABIA", "ACCA", "AKIA", "ASIA", "AccountKey=", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "glpat-", "gldt-", "glft-", "glsoat-",
    "glrt-", "GR1348941", "glcbt-", "glimt-", "glptt-", "glagent-", "gloas-", "/:_authToken=", "T3BlbkFJ", " PRIVATE KEY",
    "BEGIN SSH2 ENCRYPTED PRIVATE KEY", "PuTTY-User-Key-File-2", "pypi-AgE", "SG.", "sq0csp-", "k_live_",
)
# Of patterns without a telling word (Discord, Telegram, Twilio), and of those that take either case. Each is bounded in length.
_PATTERNS = (
    re.compile(r"\.[a-zA-Z\d_-]{6}\.[a-zA-Z\d_-]{27}"),
    re.compile(r":[0-9A-Za-z_-]{35}"),
    re.compile(r"(?:AC|SK)[a-z0-9]{32}"),
    re.compile(r"xox[abpors]-", re.IGNORECASE),
    re.compile(r"https://hooks\.slack\.com/services/", re.IGNORECASE),
    re.compile(r"aws[^\n]{0,40}(?:key|pw|pass|token)", re.IGNORECASE),
)


def can_hold_a_shape(lines: Iterable[str]) -> bool:
    """Return False only where none of the patterns of known_shapes can match any of the lines."""
    text = "\n".join(lines)
    return any(literal in text for literal in _LITERALS) or any(pattern.search(text) for pattern in _PATTERNS)
