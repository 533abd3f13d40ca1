"""The operator's file of package registries: YAML in, Registry nouns by name out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.core.sandbox.registry import Registry, faults
from app.errors import ConfigurationError
from app.profiles.problems import lines_of, nearest, problems_of
from app.profiles.yaml_tree import Mark, Problem, read_tree

FILE_LIMIT_BYTES = 256 * 1024
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def load_registries(file: Path | None) -> Mapping[str, Registry]:
    """Return the registries in `file` by name; without a file there are none.

    Raises ConfigurationError with one line, `file:line:column: key: message`, for each problem.
    """
    if file is None:
        return {}
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read ({error.strerror}): BELLHOP_REGISTRIES_FILE names it") from None
    if len(content) > FILE_LIMIT_BYTES:
        raise ConfigurationError(f"{file} is larger than {FILE_LIMIT_BYTES // 1024} KiB")
    data, marks, problems = read_tree(content)
    found: dict[str, Registry] = {}
    for name, value in (data or {}).items():
        if _NAME.fullmatch(name) is None:
            problems.append(Problem(marks[name,], (name,), "a registry's name is small letters, digits and `-`, at most 63"))
        elif (registry := _registry(name, value, marks, problems)) is not None:
            found[name] = registry
    if problems:
        raise ConfigurationError("\n".join(lines_of(file, problems)))
    return found


def _registry(
    name: str, value: Any, marks: Mapping[tuple[str | int, ...], Mark], problems: list[Problem]
) -> Registry | None:
    try:
        registry = Registry.model_validate(value, by_alias=True, by_name=False)
    except ValidationError as error:
        problems += problems_of(error, Registry, marks, (name,))
        return None
    for path, message in faults(registry):
        problems.append(Problem(nearest((name, *path), marks), (name, *path), message))
    return registry
