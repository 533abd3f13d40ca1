"""Comparisons on the fields of a JSON document, `where:` in a profile; pure.

Any document will do: an event's own fields, or the payload of a webhook.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from pydantic import Field, FiniteFloat, StrictBool, StrictInt, StrictStr, StringConstraints

from app.core.ringing.linear_regex import fault_of_pattern, found_in
from app.core.section import Section

Scalar = StrictBool | StrictInt | FiniteFloat | StrictStr
FieldPath = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]{1,300}$")]

# A path with several `*` may lead to many values; so many are looked at.
VALUES_LIMIT = 1000
_NUMBER = re.compile(r"-?[0-9]{1,300}(\.[0-9]{1,300})?", re.ASCII)
_PARTS = re.compile(r"(?:\\.|[^.\\]|\\$)+")
_SHOWN_CHARACTERS = 60


class Condition(Section):
    """One comparison: `field` is a dotted path, and everything else that is named must hold.

    In the path a number counts in a list from 0, `*` stands for every element or member, and `\\.` is a dot in a name. It holds if it holds
    for one of the values that the path leads to; `not` if none of them is that. Texts are compared exactly, `above` and `below` take numbers
    and texts that are one, `matches` is a regular expression (RE2) that occurs in a text.
    """

    field: FieldPath
    is_: Scalar | None = Field(default=None, alias="is")
    not_: Scalar | tuple[Scalar, ...] | None = Field(default=None, alias="not")
    in_: tuple[Scalar, ...] | None = Field(default=None, alias="in")
    matches: str | None = None
    above: FiniteFloat | None = None
    below: FiniteFloat | None = None
    exists: StrictBool | None = None


def first_unmet(conditions: Sequence[Condition], document: Any) -> str | None:
    """Return, in words, the first condition that the document does not meet, or None when it meets all."""
    for condition in conditions:
        values = values_at(document, condition.field)
        for wanted, holds in _comparisons(condition, values):
            if not holds:
                return f"{condition.field} {wanted}, and {_found(values)}"
    return None


def values_at(document: Any, path: str) -> list[Any]:
    """Return the values that a dotted path leads to in a JSON document, none where there is no such field."""
    found = [document]
    for part in _PARTS.findall(path):
        name = re.sub(r"\\(.)", r"\1", part)
        found = [value for each in found for value in _step(each, name, is_every=part == "*")][:VALUES_LIMIT]
    return found


def faults_of_where(conditions: Sequence[Condition]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield each thing that would never work: the key's way below `where`, and what is wrong."""
    for index, condition in enumerate(conditions):
        if not any(True for _ in _comparisons(condition, [])):
            yield (index,), "compares with nothing: name one of is, not, in, matches, above, below, exists"
        if condition.in_ == ():
            yield (index, "in"), "names nothing, so nothing would ever be in it"
        if condition.matches is not None and (fault := fault_of_pattern(condition.matches)) is not None:
            yield (index, "matches"), fault
        if condition.above is not None and condition.below is not None and condition.above >= condition.below:
            yield (index, "above"), "leaves nothing: no number is above that and below the other"


def _step(value: Any, name: str, *, is_every: bool) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values()) if is_every else [value[name]] if name in value else []
    if isinstance(value, list):
        if is_every:
            return value
        at = int(name) if name.isascii() and name.isdigit() and len(name) < 10 else len(value)
        return [value[at]] if at < len(value) else []
    return []


def _comparisons(condition: Condition, values: Sequence[Any]) -> Iterator[tuple[str, bool]]:
    """Yield each comparison of a condition: what it wants, in words, and whether one of the values has it."""
    if condition.is_ is not None:
        yield f"is to be {_shown(condition.is_)}", any(_same(value, condition.is_) for value in values)
    if condition.not_ is not None:
        unwanted = condition.not_ if isinstance(condition.not_, tuple) else (condition.not_,)
        yield f"is not to be {_listed(unwanted)}", not any(_same(value, each) for value in values for each in unwanted)
    if condition.in_ is not None:
        yield f"is to be {_listed(condition.in_)}", any(_same(value, each) for value in values for each in condition.in_)
    if (pattern := condition.matches) is not None:
        yield f"is to match {_shown(pattern)}", any(isinstance(value, str) and found_in(pattern, value) for value in values)
    numbers = [number for value in values if (number := _number(value)) is not None]
    if (above := condition.above) is not None:
        yield f"is to be above {above:g}", any(number > above for number in numbers)
    if (below := condition.below) is not None:
        yield f"is to be below {below:g}", any(number < below for number in numbers)
    if condition.exists is not None:
        yield "is to be there" if condition.exists else "is not to be there", bool(values) is condition.exists


def _same(value: Any, wanted: Scalar) -> bool:
    # In JSON true is not 1.
    return isinstance(value, bool) is isinstance(wanted, bool) and isinstance(value, str | int | float) and value == wanted


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return None


def _found(values: Sequence[Any]) -> str:
    if not values:
        return "it is not there"
    return f"it is {_shown(values[0])}" + (f" (and {len(values) - 1} more)" if len(values) > 1 else "")


def _listed(values: Sequence[Scalar]) -> str:
    shown = ", ".join(_shown(value) for value in values[:5])
    return f"one of {shown}{', ...' if len(values) > 5 else ''}" if len(values) > 1 else shown


def _shown(value: Any) -> str:
    """Return a value as JSON, short: what stands in a payload is nobody's word to trust."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = json.dumps(value[:200] if isinstance(value, str) else value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."
