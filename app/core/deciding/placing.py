"""Which repository is meant by somebody who speaks where none is: by what they say, where they say it, and what there is; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from app.core.event import Event
from app.core.noun import Noun
from app.core.permission import PERMISSIONS, Permission
from app.core.profile import Profile
from app.core.ringing.rings import rings, works_in

_FULL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}")
_BARE_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_PATTERN = re.compile(r"[*?+\[\]!]")
# A channel's history says more than one person's.
_CHANNEL, _PERSON = 2, 1


class Placed(Noun):
    """The repository by its name, and in words how it comes to be that one; no name: nobody knows, and `why` says what was looked at."""

    full_name: str = ""
    why: str


class Ground(Noun):
    """What placing is based on: what the words name, what was chosen in a menu, the operator's file, links in the words, where the App is installed."""

    said: str = ""
    chosen: str = ""
    mapping: Mapping[str, str] = {}
    linked: tuple[str, ...] = ()
    installed: tuple[str, ...] = ()


def is_full_name(text: str) -> bool:
    """Return whether a text could be a repository's full name."""
    return _FULL_NAME.fullmatch(text) is not None and ".." not in text


def named(said: str, installed: Iterable[str]) -> str:
    """Return the full name that somebody means by one, or by a bare name that only one repository has; empty: none, or several."""
    if is_full_name(said):
        return next((each for each in installed if each.casefold() == said.casefold()), said)
    if _BARE_NAME.fullmatch(said) is None:
        return ""
    found = [each for each in installed if each.partition("/")[2].casefold() == said.casefold()]
    return found[0] if len(found) == 1 else ""


def place(event: Event, profiles: Mapping[str, Profile], ground: Ground, bot_login: str) -> Placed:
    """Return which repository is meant: the first that says so of the words, the menu, the file, the profiles, a link, there being only one."""
    if ground.said and not ground.chosen:
        # Somebody who names one means no other.
        meant = named(ground.said, ground.installed)
        why = "the words say" if meant else "none, or more than one, of the repositories that Bellhop works in goes by"
        return Placed(full_name=meant, why=f"{why} `repo={ground.said}`")
    takers = _takers(event, profiles, bot_login)
    there = [each for each in ground.installed if any(works_in(taker, each) for taker in takers)]
    ways = (
        (ground.chosen, "it was chosen"),
        *((ground.mapping.get(at.casefold(), ""), f"the operator's file says so of {at}") for at in event.places),
        (_the_one(_only_one(taker) for taker in takers), "the profiles that take this work in no other"),
        (_the_one(name for name in there if name.casefold() in {link.casefold() for link in ground.linked}), "the words link to it"),
        (_the_one(there), "it is the only one that Bellhop works in"),
    )
    nothing = Placed(why=f"nothing says which of {len(there)} repositories is meant")
    return next((Placed(full_name=name, why=why) for name, why in ways if name), nothing)


def _the_one(names: Iterable[str]) -> str:
    """Return the name that all of them are, or nothing."""
    found = list(names)
    return found[0] if found and len({each.casefold() for each in found}) == 1 else ""


def candidates(event: Event, profiles: Mapping[str, Profile], installed: Iterable[str], bot_login: str) -> list[str]:
    """Return the repositories that somebody can mean there: those in which a profile that takes the event works."""
    takers = _takers(event, profiles, bot_login)
    return [each for each in installed if any(works_in(taker, each) for taker in takers)]


def needed(event: Event, profiles: Mapping[str, Profile], bot_login: str) -> Permission:
    """Return the least permission that any profile which takes the event asks for."""
    asked = [each.who.permission for each in _takers(event, profiles, bot_login)]
    return min(asked, key=PERMISSIONS.index, default="write")


def ranked(names: Iterable[str], of_channel: Sequence[str], of_person: Sequence[str]) -> list[str]:
    """Return repositories in the order in which they are likely: by what was worked on there and for that person, then by name."""
    def score(name: str) -> int:
        return _CHANNEL * of_channel.count(name) + _PERSON * of_person.count(name)

    return sorted(names, key=lambda name: (-score(name), name.casefold()))


def answered_with(text: str, offered: Iterable[str]) -> str:
    """Return the repository that a whole answer names: one of those offered, by its full or bare name, after `repo=` or alone; empty: none."""
    said = text.strip().removeprefix("repository").strip(" \t\n.`").removeprefix("repo=")
    return named(said, offered)


def _takers(event: Event, profiles: Mapping[str, Profile], bot_login: str) -> list[Profile]:
    return [profiles[name] for name in sorted(profiles) if rings(profiles[name], event, bot_login)]


def _only_one(profile: Profile) -> str:
    """Return the one repository that a profile works in, or nothing."""
    names = profile.repositories
    return names[0] if len(names) == 1 and _PATTERN.search(names[0]) is None else ""
