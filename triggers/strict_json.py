"""JSON as a signed payload must be: one reading only, so that no two parsers can disagree about it."""

from __future__ import annotations

import json
from typing import Any

from app.errors import DeliveryRefused


def load_object(text: bytes) -> dict[str, Any]:
    """Return the JSON object in UTF-8 `text`.

    Raises DeliveryRefused (400) for anything else, for a repeated key, for NaN and infinities, and for
    nesting deeper than the interpreter's stack.
    """
    try:
        # One decode, here: json.loads would guess UTF-16 and UTF-32 for bytes.
        value = _DECODER.decode(text.decode("utf-8"))
    except RecursionError as error:
        raise _refused("it is nested too deeply") from error
    except ValueError as error:
        raise _refused(str(error)) from error
    if not isinstance(value, dict):
        raise _refused("it is not an object")
    return value


def _refused(why: str) -> DeliveryRefused:
    return DeliveryRefused(f"the body cannot be read as JSON: {why[:200]}", status=400, reason="bad_json")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key appears twice in one object")
    return members


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)
