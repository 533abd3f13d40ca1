"""Filters of lists, as Linear's `...Filter` and `...Comparator` inputs say them; what is not understood is refused, never ignored.

https://linear.app/developers/filtering
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from app.emulators.linear.problems import invalid

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, wanted: value == wanted,
    "neq": lambda value, wanted: value != wanted,
    "in": lambda value, wanted: value in wanted,
    "nin": lambda value, wanted: value not in wanted,
    "null": lambda value, wanted: (value is None) == wanted,
    "lt": lambda value, wanted: value is not None and value < wanted,
    "lte": lambda value, wanted: value is not None and value <= wanted,
    "gt": lambda value, wanted: value is not None and value > wanted,
    "gte": lambda value, wanted: value is not None and value >= wanted,
    "contains": lambda value, wanted: wanted in (value or ""),
    "notContains": lambda value, wanted: wanted not in (value or ""),
    "containsIgnoreCase": lambda value, wanted: wanted.lower() in (value or "").lower(),
    "notContainsIgnoreCase": lambda value, wanted: wanted.lower() not in (value or "").lower(),
    "eqIgnoreCase": lambda value, wanted: (value or "").lower() == wanted.lower(),
    "neqIgnoreCase": lambda value, wanted: (value or "").lower() != wanted.lower(),
    "startsWith": lambda value, wanted: (value or "").startswith(wanted),
    "startsWithIgnoreCase": lambda value, wanted: (value or "").lower().startswith(wanted.lower()),
    "endsWith": lambda value, wanted: (value or "").endswith(wanted),
}


def matches(node: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Return whether a node fits a filter. Raises Problem for a filter that the emulator does not know."""
    return all(_member(node, name, value) for name, value in wanted.items())


def _member(node: dict[str, Any], name: str, wanted: Any) -> bool:
    if name == "and":
        return all(matches(node, one) for one in wanted)
    if name == "or":
        return any(matches(node, one) for one in wanted)
    if name not in node:
        raise invalid(f"The emulator does not filter by {name}")
    value = node[name]
    if callable(value):
        # A connection is looked through whole, whatever a page would hold.
        value = value(None, **({"first": 250} if _is_collection(wanted) else {}))
    if isinstance(value, dict) and "nodes" in value:
        return _collection(value["nodes"], wanted)
    if isinstance(value, dict):
        return "null" not in wanted or wanted["null"] is False if set(wanted) == {"null"} else matches(value, wanted)
    if value is None and not set(wanted) <= _COMPARE.keys():
        # There is nobody: only a filter for that fits.
        return wanted.get("null") is True
    return all(_compare(value, how, against) for how, against in wanted.items())


def _is_collection(wanted: Any) -> bool:
    return isinstance(wanted, dict) and bool(wanted.keys() & {"some", "every", "length"})


def _collection(nodes: list[dict[str, Any]], wanted: dict[str, Any]) -> bool:
    for name, value in wanted.items():
        if name == "every":
            fits = all(matches(node, value) for node in nodes)
        elif name == "length":
            fits = all(_compare(len(nodes), how, against) for how, against in value.items())
        else:
            inner = value if name == "some" else {name: value}
            fits = any(matches(node, inner) for node in nodes)
        if not fits:
            return False
    return True


def _compare(value: Any, how: str, wanted: Any) -> bool:
    if how not in _COMPARE:
        raise invalid(f"The emulator does not compare by {how}")
    if how in ("lt", "lte", "gt", "gte") and isinstance(wanted, str):
        try:
            wanted = datetime.fromisoformat(wanted)
        except ValueError as error:
            raise invalid(f"The emulator compares with times only, not with {wanted}") from error
        value = datetime.fromisoformat(value) if value is not None else None
    return _COMPARE[how](value, wanted)
