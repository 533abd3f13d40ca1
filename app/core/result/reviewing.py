"""What a run says on the lines of a change: a profile's `review:`, and which of it a review may hold; pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Annotated

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from app.core.noun import Noun
from app.core.section import Section

_BLOCK = re.compile(r"^```review[ \t]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)


class Reviewing(Section):
    """That the result is a review with comments on lines; `max_comments` is how many it may have."""

    max_comments: Annotated[int, Field(ge=1, le=50)] = 20


class Remark(Noun):
    """What is said on one line of the new side of a change."""

    path: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    line: Annotated[int, Field(ge=1)]
    text: Annotated[str, StringConstraints(min_length=1, max_length=4000)]


class Sorted(Noun):
    """Remarks that stand on lines of the change, those that are about another place, and how many were too many."""

    on_lines: tuple[Remark, ...] = ()
    elsewhere: tuple[Remark, ...] = ()
    left_out: int = 0


_REMARKS: TypeAdapter[tuple[Remark, ...]] = TypeAdapter(tuple[Remark, ...])


def remarks_in(text: str) -> tuple[str, tuple[Remark, ...]]:
    """Return an agent's last word without its block of remarks, and those: JSON, fenced as `review`. What cannot be read stays words."""
    found = _BLOCK.search(text)
    if found is None:
        return text, ()
    try:
        remarks = _REMARKS.validate_python(json.loads(found[1]))
    except (ValueError, ValidationError, RecursionError):
        return text, ()
    return f"{text[:found.start()].rstrip()}\n{text[found.end():].lstrip()}".strip(), remarks


def sort(remarks: Iterable[Remark], lines: Mapping[str, AbstractSet[int]], most: int) -> Sorted:
    """Return the remarks by whether a review may hold them: `lines` are those of the change that GitHub shows, by path."""
    each_once = list(dict.fromkeys(remarks))
    kept = each_once[:most]
    on_lines = tuple(each for each in kept if each.line in lines.get(each.path, frozenset()))
    elsewhere = tuple(each for each in kept if each not in on_lines)
    return Sorted(on_lines=on_lines, elsewhere=elsewhere, left_out=len(each_once) - len(kept))
