"""What a profile would have made of events that are on file; pure.

Each event is decided on as it stood, and what nobody knows any more is called unknown, not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

from app.core.decide import Facts, Ignore, Start, decide
from app.core.event import Event
from app.core.profile import Profile
from app.core.ringing.rings import refusal

# As decide() says it of whoever was asked about.
_HAD = re.compile(r" has (none|read|triage|write|maintain|admin), needed is ")


class Past(NamedTuple):
    """An event on file: its number, when it came in, and what was decided on it then."""

    number: int
    at_ms: int
    event: Event
    decision: str | None


Verdict = Literal["start", "unknown", "live", "no"]


class Guess(NamedTuple):
    """What would have come of an event: a run (`start`), a run if something holds that nobody asked about (`unknown`), nothing new because a
    run was at work in its thread (`live`), or nothing (`no`); `why` in words, `key` of the profile where that said no.
    """

    past: Past
    verdict: Verdict
    why: str
    key: str = ""


def rehearse(
    profile: Profile, past: Iterable[Past], *, bot_login: str, run_ms: int, is_own_pull: Callable[[Event], bool] = lambda _: False
) -> Iterator[Guess]:
    """Yield what would have come of each event, oldest first; a run is taken to be at work for `run_ms`."""
    busy_until: dict[str, int] = {}
    for each in past:
        guess = _guess(profile, each, bot_login, is_own_pull)
        if guess.verdict in ("start", "unknown"):
            if each.at_ms < busy_until.get(each.event.thread, 0):
                guess = guess._replace(verdict="live", why="a run would have been at work in its thread")
            else:
                busy_until[each.event.thread] = each.at_ms + run_ms
        yield guess


def _guess(profile: Profile, past: Past, bot_login: str, is_own_pull: Callable[[Event], bool]) -> Guess:
    had = _HAD.search(past.decision or "")
    event = past.event
    facts = Facts(
        bot_login=bot_login, actor_permission=had[1] if had else profile.who.permission, has_all_words=True,
        is_own_pull=event.is_pull_request and event.is_comment and is_own_pull(event),
    )
    decision = decide(event, {profile.name: profile}, facts)
    if isinstance(decision, Start):
        if had or "nobody has to be asked" in decision.why[-1] or "lists by its id" in decision.why[-1]:
            return Guess(past, "start", decision.why[-1])
        return Guess(past, "unknown", f"nobody asked then what {event.actor.login} may do")
    if isinstance(decision, Ignore) and decision.reason == "ci_unknown":
        return Guess(past, "unknown", "nobody kept whose push it was, and what else of its CI had failed")
    if isinstance(decision, Ignore) and decision.reason == "paths_unknown":
        return Guess(past, "unknown", "nobody kept which files it changed")
    no = refusal(profile, event, bot_login)
    reason = decision.reason if isinstance(decision, Ignore) else type(decision).__name__.lower()
    return Guess(past, "no", "; ".join(decision.why), no.key if no is not None and reason == "no_profile" else reason)
