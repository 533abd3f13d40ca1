"""Reading profiles from YAML: every problem of every file at once, each with its file, line, column and key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, get_args

from pydantic import ValidationError

from app.core.profile import AgentChoice, Profile, Templates, faults
from app.core.section import Section
from app.errors import BellhopError, ConfigurationError, ProfileError
from app.profiles.yaml_tree import Key, Mark, Problem, read_tree

FILE_LIMIT_BYTES = 256 * 1024

CheckAgent = Callable[[AgentChoice], None]


class Checked(NamedTuple):
    """One file: its profile, or what is wrong with it."""

    file: Path
    profile: Profile | None
    problems: tuple[Problem, ...]

    def lines(self) -> list[str]:
        """Return each problem as `file:line:column: key: message`."""
        return [
            f"{self.file}:{problem.mark.line}:{problem.mark.column}: "
            + (f"{_dotted(problem.path)}: " if problem.path else "")
            + problem.message
            for problem in sorted(self.problems, key=lambda problem: (problem.mark, _dotted(problem.path)))
        ]


def load_profiles(directory: Path, *, templates_dir: Path, check_agent: CheckAgent) -> Mapping[str, Profile]:
    """Return the profiles in the `*.yaml` files of `directory` by name; their templates are below `templates_dir`.

    `check_agent` raises a BellhopError when an agent, its model or its options do not exist.
    Raises ConfigurationError (no such directory), ProfileError with one line for each problem of all files.
    """
    checked = check_profiles(directory, templates_dir=templates_dir, check_agent=check_agent)
    lines = [line for each in checked for line in each.lines()]
    if lines:
        raise ProfileError("\n".join(lines))
    return {each.profile.name: each.profile for each in checked if each.profile is not None}


def check_profiles(directory: Path, *, templates_dir: Path, check_agent: CheckAgent) -> list[Checked]:
    """Check every `*.yaml` file of `directory`, by name. Raises ConfigurationError when there is none such."""
    if not directory.is_dir():
        raise ConfigurationError(f"{directory} is no directory: set BELLHOP_PROFILES_DIR to where the profiles are")
    return [
        check_profile(file, file.stem, templates_dir=templates_dir, check_agent=check_agent)
        if file.suffix == ".yaml"
        else Checked(file, None, (Problem(Mark(1, 1), (), "a profile's file name ends in .yaml, so this one would not be read"),))
        for file in sorted(directory.iterdir())
        if file.suffix in (".yaml", ".yml")
    ]


def check_profile(file: Path, name: str, *, templates_dir: Path, check_agent: CheckAgent) -> Checked:
    """Check one file; the profile must be called `name`, which it need not say itself."""
    try:
        content = file.read_bytes()
    except OSError as error:
        return Checked(file, None, (Problem(Mark(1, 1), (), f"cannot be read: {error.strerror}"),))
    if len(content) > FILE_LIMIT_BYTES:
        return Checked(file, None, (Problem(Mark(1, 1), (), f"is larger than {FILE_LIMIT_BYTES // 1024} KiB"),))
    data, marks, problems = read_tree(content)
    if data is None:
        return Checked(file, None, tuple(problems))
    said = data.setdefault("name", name)
    if said != name:
        problems.append(Problem(marks[("name",)], ("name",), f"must be {name!r}, the file's name, or be left out"))
    _spell_out_on(data)
    profile = None
    try:
        profile = Profile.model_validate(data, by_alias=True, by_name=False)
    except ValidationError as error:
        problems += [_problem(item["type"], item["loc"], item["msg"], marks) for item in error.errors(include_url=False)]
    else:
        for path, message in [*faults(profile), *_missing_templates(profile.templates, templates_dir)]:
            problems.append(Problem(_nearest(path, marks), path, message))
        try:
            check_agent(profile.agent)
        except BellhopError as error:
            problems.append(Problem(marks[("agent",)], ("agent",), str(error)))
    return Checked(file, None if problems else profile, tuple(problems))


def _spell_out_on(data: dict[str, Any]) -> None:
    """Let `issues:` with nothing after it mean every issue event, as in GitHub Actions."""
    events = data.get("on")
    if isinstance(events, dict):
        data["on"] = {event: {} if wanted is None else wanted for event, wanted in events.items()}


def _problem(error_type: str, loc: tuple[Key, ...], message: str, marks: Mapping[tuple[Key, ...], Mark]) -> Problem:
    mark = _nearest(loc, marks)
    if error_type == "missing":
        return Problem(mark, loc, "is missing")
    if error_type == "extra_forbidden":
        return Problem(mark, loc, _unknown_key(loc))
    if error_type in ("model_type", "model_attributes_type", "dict_type"):
        return Problem(mark, loc, "must hold keys of its own, each on a line below it, further to the right")
    if error_type == "tuple_type":
        return Problem(mark, loc, "must be a list, such as [one, two]")
    return Problem(mark, loc, message[:1].lower() + message[1:])


def _nearest(path: tuple[Key, ...], marks: Mapping[tuple[Key, ...], Mark]) -> Mark:
    """Return where a key stands; the place of one that is missing is the block that lacks it."""
    while path not in marks:
        path = path[:-1]
    return marks[path]


def _missing_templates(templates: Templates, directory: Path) -> Iterator[tuple[tuple[str, ...], str]]:
    for key, name in templates.model_dump(by_alias=True).items():
        if Path(name).is_absolute() or ".." in Path(name).parts:
            yield ("templates", key), f"must be a path below {directory}, with no `..` in it"
        elif not (directory / name).is_file():
            yield ("templates", key), f"there is no file {name} below {directory}"


def _unknown_key(loc: tuple[Key, ...]) -> str:
    known = _keys_at(Profile, loc[:-1])
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
                    return _keys_at(kind, path[1:])
    return []


def _dotted(path: tuple[Key, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
