"""What a repository's own `.bellhop/<profile>.yaml` makes of a profile: less, and never more; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from app.core.deciding.approval import needed_permission
from app.core.deciding.autonomy import LEVELS
from app.core.isolation import LEVELS as ISOLATION
from app.core.noun import Noun
from app.core.permission import PERMISSIONS
from app.core.profile import Profile

DIRECTORY = ".bellhop/"
# For every profile; no profile's name begins so.
FOR_ALL = "_all"
ENABLED = "enabled"

Key = tuple[str, ...]
T = TypeVar("T")
Narrow = Callable[[Any, Any], Any]


def _least(ours: Any, theirs: Any) -> Any:
    # None is no bound at all.
    return min((value for value in (ours, theirs) if value is not None), default=None)


def _most(ours: Any, theirs: Any) -> Any:
    return max(ours, theirs)


def _first_of(*narrowest_first: str | None) -> Narrow:
    def narrow(ours: str | None, theirs: str | None) -> str | None:
        return min(ours, theirs, key=narrowest_first.index)

    return narrow


def _both(ours: Sequence[T], theirs: Sequence[T]) -> tuple[T, ...]:
    return tuple(each for each in ours if each in theirs)


def _either(ours: Sequence[T], theirs: Sequence[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys([*ours, *theirs]))


def _common(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in ours.items() if theirs.get(name) == value}


_PERMISSION = _first_of(*reversed(PERMISSIONS), None)

_APPROVER: Key = ("approval", "permission")

# Every key that a repository may say, and what becomes of the profile's value and its own.
RULES: dict[Key, Narrow] = {
    ("who", "permission"): _PERMISSION,
    ("who", "apps"): _both,
    ("autonomy",): _first_of(*LEVELS),
    ("workspace",): _first_of("ro", "rw"),
    ("ci",): _first_of("hold", "run"),
    ("timeout-minutes",): _least,
    **{("limits", name): _least for name in (
        "idle-minutes", "max-steps", "max-changed-files", "max-patch-kb", "max-open-pull-requests", "max-runs",
    )},
    ("limits", "protected-paths"): _either,
    **{("budget", name): _least for name in ("usd", "tokens", "turns")},
    **{("container", name): _least for name in ("memory-mb", "cpus", "pids", "tmp-mb", "disk-mb")},
    ("container", "isolation"): _first_of(*reversed(ISOLATION)),
    ("permissions",): _common,
    ("egress", "connect"): _both,
    ("egress", "registries"): _both,
    ("choose", "models"): _both,
    ("choose", "branches"): _both,
    ("pull-request", "protected-paths"): _first_of("refuse", "draft"),
    ("pull-request", "lockfiles"): _first_of("refuse", "draft", "allow"),
    ("pull-request", "secrets"): _first_of("refuse", "draft"),
    ("approval", "plan"): _most,
    ("approval", "paths"): _either,
    ("approval", "approvers"): _most,
    _APPROVER: _PERMISSION,
    ("approval", "requester"): _first_of("exclude", "allow"),
    ("approval", "expires-hours"): _least,
}


class Narrowed(Noun):
    """The profile as it is in a repository. Where `faults` says what is wrong there, nothing may start.

    `effects` says what is less than the profile's own, `ignored` what would have been more and changes nothing.
    """

    profile: Profile
    is_enabled: bool = True
    effects: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


def narrowed(profile: Profile, overlay: Mapping[str, Any]) -> Narrowed:
    """Return the profile with what a repository's document takes away from it; one key at a time, each by its rule.

    A key that no rule knows, and a value that is none of its key's, is a fault: whoever wrote it meant to take something away.
    """
    effects: list[str] = []
    ignored: list[str] = []
    faults: list[str] = []
    is_enabled = True
    for key, said in _leaves(overlay):
        name = ".".join(key)
        if key == (ENABLED,):
            if not isinstance(said, bool):
                faults.append("`enabled` must be true or false")
            elif not said:
                is_enabled = False
                effects.append("it does nothing here")
            continue
        if key not in RULES:
            faults.append(f"`{name}` is nothing that a repository may say: only what narrows is")
            continue
        try:
            wanted = _at(_with(profile, key, said), key)
        except (ValidationError, TypeError, ValueError):
            faults.append(f"`{name}` cannot be {str(said)[:80]!r}")
            continue
        ours = _at(profile, key)
        result = RULES[key](ours, wanted)
        if key == _APPROVER and not _asks_for_as_much(result, profile):
            # None stands for what `who:` asks for, which may be more than the least that can be named.
            result = ours
        if result != ours:
            effects.append(f"`{name}`: {_shown(ours)} -> {_shown(result)}")
            profile = _with(profile, key, result)
        if result != wanted and key not in _ADDED:
            ignored.append(f"`{name}: {_shown(wanted)}` is more than the profile's {_shown(ours)}")
    return Narrowed(profile=profile, is_enabled=is_enabled, effects=tuple(effects), ignored=tuple(ignored), faults=tuple(faults))


def differences(now: Narrowed, then: Narrowed) -> tuple[str, ...]:
    """Return what is different for runs between two states of one profile in a repository, each in a line."""
    found = [f"cannot be followed, so that nothing of it would start: {fault}" for fault in then.faults]
    if now.is_enabled != then.is_enabled:
        found.append("it works here again" if then.is_enabled else "it does nothing here any more")
    for key in RULES:
        one, other = _at(now.profile, key), _at(then.profile, key)
        if one != other:
            found.append(f"`{'.'.join(key)}`: {_shown(one)} -> {_shown(other)}")
    return (*found, *(f"changes nothing: {each}" for each in then.ignored if each not in now.ignored))


# Lists that a repository adds to: it need not repeat what the profile says.
_ADDED = frozenset({key for key, rule in RULES.items() if rule is _either})


def _leaves(document: Mapping[str, Any], above: Key = ()) -> Iterator[tuple[Key, Any]]:
    for name, value in document.items():
        key = (*above, str(name))
        if isinstance(value, Mapping) and key not in RULES:
            yield from _leaves(value, key)
        else:
            yield key, value


def _with(profile: Profile, key: Key, value: Any) -> Profile:
    data = profile.model_dump(mode="json", by_alias=True)
    holder = data
    for part in key[:-1]:
        holder = holder[part]
    holder[key[-1]] = value
    return Profile.model_validate(data, by_alias=True, by_name=False)


def _at(profile: Profile, key: Key) -> Any:
    found: Any = profile
    for part in key:
        found = getattr(found, part.replace("-", "_"))
    return found


def _asks_for_as_much(approver: Any, profile: Profile) -> bool:
    before = needed_permission(profile.approval, profile.who.permission)
    return PERMISSIONS.index(approver or profile.who.permission) >= PERMISSIONS.index(before)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        value = tuple(f"{name}: {each}" for name, each in value.items())
    if isinstance(value, tuple):
        return ", ".join(str(each) for each in value)[:200] or "none"
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
