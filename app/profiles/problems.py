"""What pydantic found wrong with a file's values, as a person reads it: where it stands, and what would do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import get_args, get_origin

from pydantic import ValidationError

from app.core.section import Section
from app.profiles.yaml_tree import Key, Mark, Problem


def lines_of(file: Path, problems: Iterable[Problem]) -> list[str]:
    """Return each problem as `file:line:column: key: message`."""
    return [
        f"{file}:{problem.mark.line}:{problem.mark.column}: "
        + (f"{_dotted(problem.path)}: " if problem.path else "")
        + problem.message
        for problem in sorted(problems, key=lambda problem: (problem.mark, _dotted(problem.path)))
    ]


def problems_of(
    error: ValidationError, section: type[Section], marks: Mapping[tuple[Key, ...], Mark], above: tuple[Key, ...] = ()
) -> Iterator[Problem]:
    """Yield what is wrong with a `section` that stands at the path `above` in its file."""
    for item in error.errors(include_url=False):
        path = (*above, *item["loc"])
        message = _message(item["type"], item["loc"], item["msg"], section)
        yield Problem(nearest(path, marks), path, message)


def nearest(path: tuple[Key, ...], marks: Mapping[tuple[Key, ...], Mark]) -> Mark:
    """Return where a key stands; the place of one that is missing is the block that lacks it."""
    while path not in marks:
        path = path[:-1]
    return marks[path]


_SAID = {
    "missing": "is missing",
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), "must hold keys of its own, each on a line below it, further to the right"),
    "string_type": "must be text: put it in quotes",
    "tuple_type": "must be a list, such as [one, two]",
    **dict.fromkeys(("int_parsing", "int_type"), "must be a whole number"),
    "float_parsing": "must be a number",
}


def _message(error_type: str, loc: tuple[Key, ...], message: str, section: type[Section]) -> str:
    if error_type == "extra_forbidden":
        return _unknown_key(loc, section)
    if error_type in _SAID:
        return _SAID[error_type] + (": the numeric id of the program's own account" if loc[:2] == ("who", "apps") and loc[2:] else "")
    if error_type == "string_pattern_mismatch" and loc[-2:] == ("webhook", "name"):
        return "must be lower-case letters, digits and hyphens, as it stands in the address"
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _unknown_key(loc: tuple[Key, ...], section: type[Section]) -> str:
    known = _keys_at(section, loc[:-1])
    close = get_close_matches(str(loc[-1]).replace("_", "-"), known, n=1)
    if close:
        return f"there is no such key; did you mean {close[0]!r}?"
    return f"there is no such key; here there are {', '.join(known)}"


def _keys_at(section: type[Section], path: tuple[Key, ...]) -> list[str]:
    if not path:
        return [field.alias or name for name, field in section.model_fields.items()]
    for field in section.model_fields.values():
        if field.alias == path[0]:
            for kind in (field.annotation, *get_args(field.annotation)):
                if isinstance(kind, type) and issubclass(kind, Section):
                    # Below a block whose keys are names, and in a list, stands one of these for each.
                    return _keys_at(kind, path[2 if get_origin(field.annotation) in (dict, tuple) else 1:])
    return []


def _dotted(path: tuple[Key, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
