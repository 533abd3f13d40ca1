"""The operator's file of places: which repository people mean who speak in a channel, a team, a project or below a label."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from app.core.deciding.placing import is_full_name
from app.errors import ConfigurationError
from app.profiles.problems import lines_of
from app.profiles.yaml_tree import Problem, read_tree

FILE_LIMIT_BYTES = 256 * 1024
KINDS = ("channel", "label", "project", "team")
_PLACE = re.compile(rf"({'|'.join(KINDS)}):\S(?:.{{0,198}}\S)?")


def load_places(file: Path | None) -> Mapping[str, str]:
    """Return the repository of each place in `file`, the place in small letters; without a file there are none.

    Raises ConfigurationError with one line, `file:line:column: key: message`, for each problem.
    """
    if file is None:
        return {}
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read ({error.strerror}): BELLHOP_PLACES_FILE names it") from None
    if len(content) > FILE_LIMIT_BYTES:
        raise ConfigurationError(f"{file} is larger than {FILE_LIMIT_BYTES // 1024} KiB")
    data, marks, problems = read_tree(content)
    found: dict[str, str] = {}
    for place, repository in (data or {}).items():
        if _PLACE.fullmatch(place) is None:
            problems.append(Problem(marks[place,], (place,), f"a place is one of {', '.join(f'{kind}:NAME' for kind in KINDS)}, in quotes"))
        elif not isinstance(repository, str) or not is_full_name(repository):
            problems.append(Problem(marks[place,], (place,), "must be one repository, as owner/name"))
        elif place.casefold() in found:
            problems.append(Problem(marks[place,], (place,), "is there already, and capitals make no difference"))
        else:
            found[place.casefold()] = repository
    if problems:
        raise ConfigurationError("\n".join(lines_of(file, problems)))
    return found
