"""The first difference of two JSON values, for people."""

from __future__ import annotations

import difflib
import json
from typing import Any

_MOST_LINES = 40
_LINE_CHARACTERS = 300


def first_difference(recorded: Any, asked: Any) -> tuple[str, str]:
    """Return the path of the first difference and a short unified diff from `recorded` to `asked` there."""
    path, left, right = _find(recorded, asked, "request")
    lines = difflib.unified_diff(_lines(left), _lines(right), "recorded", "asked", n=2, lineterm="")
    shown = [line[:_LINE_CHARACTERS] for line in lines]
    if len(shown) > _MOST_LINES:
        shown = [*shown[:_MOST_LINES], f"... {len(shown) - _MOST_LINES} more lines"]
    return path, "\n".join(shown)


_ABSENT = object()


def _find(left: Any, right: Any, path: str) -> tuple[str, Any, Any]:
    if isinstance(left, dict) and isinstance(right, dict):
        for key in sorted({*left, *right}):
            if left.get(key, _ABSENT) != right.get(key, _ABSENT):
                return _find(left.get(key, _ABSENT), right.get(key, _ABSENT), f"{path}.{key}")
    if isinstance(left, list) and isinstance(right, list):
        for at, (a, b) in enumerate(zip(left, right, strict=False)):
            if a != b:
                return _find(a, b, f"{path}[{at}]")
        at = min(len(left), len(right))
        return f"{path}[{at}]", (left[at:] or [_ABSENT])[0], (right[at:] or [_ABSENT])[0]
    return path, left, right


def _lines(value: Any) -> list[str]:
    if value is _ABSENT:
        return []
    text = value if isinstance(value, str) else json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)
    return text.splitlines()
