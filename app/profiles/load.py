"""Reading profiles from YAML: every problem of every file at once, each with its file, line, column and key."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from app.core.profile import AgentChoice, Profile, Templates, faults
from app.errors import BellhopError, ConfigurationError, ProfileError
from app.profiles.problems import lines_of, nearest, problems_of
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
        return lines_of(self.file, self.problems)


def load_profiles(
    directory: Path, *, templates_dir: Path, check_agent: CheckAgent, registries: Collection[str] | None = None
) -> Mapping[str, Profile]:
    """Return the profiles in the `*.yaml` files of `directory` by name; their templates are below `templates_dir`.

    `check_agent` raises a BellhopError when an agent, its model or its options do not exist; `registries` are the names of
    this host's (None: not known here, any will do).
    Raises ConfigurationError (no such directory), ProfileError with one line for each problem of all files.
    """
    checked = check_profiles(directory, templates_dir=templates_dir, check_agent=check_agent, registries=registries)
    lines = [line for each in checked for line in each.lines()] or [*_hooks_of_two(checked)]
    if lines:
        raise ProfileError("\n".join(lines))
    return {each.profile.name: each.profile for each in checked if each.profile is not None}


def _hooks_of_two(checked: Sequence[Checked]) -> Iterator[str]:
    """Yield a line for each webhook that a profile before has already: an address rings for one."""
    owners: dict[str, Path] = {}
    for each in checked:
        hook = each.profile.on.webhook if each.profile is not None else None
        if hook is not None and (owner := owners.setdefault(hook.name, each.file)) is not each.file:
            yield f"{each.file}:1:1: on.webhook.name: {hook.name!r} is the webhook of {owner.name} already"


def check_profiles(
    directory: Path, *, templates_dir: Path, check_agent: CheckAgent, registries: Collection[str] | None = None
) -> list[Checked]:
    """Check every `*.yaml` file of `directory`, by name. Raises ConfigurationError when there is none such."""
    if not directory.is_dir():
        raise ConfigurationError(f"{directory} is no directory: give the one that holds the profiles, or set BELLHOP_PROFILES_DIR to it")
    return [
        check_profile(file, file.stem, templates_dir=templates_dir, check_agent=check_agent, registries=registries)
        if file.suffix == ".yaml"
        else Checked(file, None, (Problem(Mark(1, 1), (), "a profile's file name ends in .yaml, so this one would not be read"),))
        for file in sorted(directory.iterdir())
        if file.suffix in (".yaml", ".yml")
    ]


def check_profile(
    file: Path, name: str, *, templates_dir: Path, check_agent: CheckAgent, registries: Collection[str] | None = None
) -> Checked:
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
    profile, left_out = None, frozenset[Key]()
    try:
        profile = Profile.model_validate(data, by_alias=True, by_name=False)
    except ValidationError as error:
        problems += problems_of(error, Profile, marks)
        profile, left_out = _as_far_as_it_reads(data, error)
    if profile is not None:
        for path, message in (
            *faults(profile), *_missing_templates(profile.templates, templates_dir), *_unknown_registries(profile, registries),
        ):
            if path[0] not in left_out:
                problems.append(Problem(nearest(path, marks), path, message))
        problems += _wrong_agents(profile, check_agent, marks, left_out)
    return Checked(file, None if problems else profile, tuple(problems))


def _wrong_agents(profile: Profile, check_agent: CheckAgent, marks: Mapping[tuple[Key, ...], Mark], left_out: frozenset[Key]) -> Iterator[Problem]:
    for number, choice in enumerate(profile.agents):
        path: tuple[Key, ...] = ("choose", "agents", choice.uses) if number else ("agent",)
        try:
            check_agent(choice)
        except BellhopError as error:
            if path[0] not in left_out:
                yield Problem(nearest(path, marks), path, str(error))


def _as_far_as_it_reads(data: dict[str, Any], error: ValidationError) -> tuple[Profile | None, frozenset[Key]]:
    """Return the profile without the values that are wrong, if it is one without them, and the blocks that lack something now.

    For what can only be seen in a whole profile: of those blocks nothing more can be said.
    """
    rest = deepcopy(data)
    for item in error.errors(include_url=False):
        path = item["loc"][:-1] if item["type"] == "missing" else item["loc"]
        # A list goes as a whole: what would be left of it stood at other places.
        path = path[:next((at for at, key in enumerate(path) if isinstance(key, int)), len(path))]
        if not path:
            return None, frozenset()
        holder: Any = rest
        for key in path[:-1]:
            holder = holder.get(key, {}) if isinstance(holder, dict) else {}
        if isinstance(holder, dict):
            holder.pop(path[-1], None)
    try:
        profile = Profile.model_validate(rest, by_alias=True, by_name=False)
    except ValidationError:
        return None, frozenset()
    return profile, frozenset(item["loc"][0] for item in error.errors(include_url=False))


def _spell_out_on(data: dict[str, Any]) -> None:
    """Let `issues:` with nothing after it mean every issue event, as in GitHub Actions."""
    events = data.get("on")
    if isinstance(events, dict):
        data["on"] = {event: {} if wanted is None else wanted for event, wanted in events.items()}


def _missing_templates(templates: Templates, directory: Path) -> Iterator[tuple[tuple[str, ...], str]]:
    for key, name in templates.model_dump(by_alias=True).items():
        if Path(name).is_absolute() or ".." in Path(name).parts:
            yield ("templates", key), f"must be a path below {directory}, with no `..` in it"
        elif not (directory / name).is_file():
            yield ("templates", key), f"there is no file {name} below {directory}"


def _unknown_registries(profile: Profile, registries: Collection[str] | None) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for index, name in enumerate(profile.egress.registries):
        if registries is not None and name not in registries:
            known = f"there are: {', '.join(sorted(registries))}" if registries else "it is not set, or names none: docs/registries.md"
            yield ("egress", "registries", index), f"no registry {name!r} is in BELLHOP_REGISTRIES_FILE; {known}"
