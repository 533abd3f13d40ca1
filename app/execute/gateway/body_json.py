"""Reading a model request's body so that nobody after us reads something else in it; pure."""

from __future__ import annotations

import json
import re
from typing import Any

# A body beyond these is an attempt on our memory or time: a long conversation has some ten thousand tokens, and an
# escape for each line of code in it.
_MOST_TOKENS = 400_000
_MOST_ESCAPES = 2_000_000
# A string that never ends is a token too, or it would be read anew from each quote in it: hours, with every door at a standstill.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[{\[,]', re.DOTALL)


class BodyRefused(Exception):
    """A request that is not passed on; the message says why."""


def parsed(body: bytes) -> dict[str, Any]:
    """Return the JSON object in `body`. Raises BodyRefused for what two readers could read differently."""
    if body.count(b"\\") > _MOST_ESCAPES or _has_too_many_tokens(body):
        raise BodyRefused("the request has too many members")
    try:
        # Strictly UTF-8, and each key once: whoever reads it next must not see something else.
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise BodyRefused("the request is not one JSON document in UTF-8 with each key once") from None
    if not isinstance(value, dict):
        raise BodyRefused("the request is not a JSON object")
    return value


def with_model(body: bytes, model: str) -> bytes:
    """Return a body that was read before with its `model` replaced."""
    return json.dumps(json.loads(body) | {"model": model}, separators=(",", ":")).encode()


def _has_too_many_tokens(body: bytes) -> bool:
    # Each token takes a byte at least, so that nothing is counted in an ordinary body.
    return len(body) > _MOST_TOKENS and any(count > _MOST_TOKENS for count, _ in enumerate(_TOKEN.finditer(body)))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key appears twice")
    return members
