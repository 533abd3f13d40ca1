"""When a conversation goes round in circles: too many runs in too short a time, with no person between; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from app.core.deciding.said import said_to
from app.core.deciding.standing import NOBODYS_WORD
from app.core.event import Event
from app.core.noun import Noun

WINDOW_MS = 3_600_000
# Runs in a row that no person's words began: by labels, assignments, CI or programs.
MOST = 5
# With people's words among them. A program that writes under a person's token is a person to whoever looks.
MOST_WITH_WORDS = 15


class Began(NamedTuple):
    """One run of the conversation: when it was saved, whether a person's words began it, and whether they told it to go on."""

    run_id: str
    at_ms: int
    by_words: bool
    goes_on: bool = False


class Loop(Noun):
    """The conversation is a loop, as far as can be seen: `until_ms` is when it is not any more, `since_run` the last run of it.

    `may_go_on`: a person's `continue` ends it before.
    """

    runs: int
    until_ms: int
    since_run: str
    may_go_on: bool

    @property
    def says(self) -> str:
        """What was seen."""
        return f"{self.runs} runs began here within an hour" + (" with no person's word between" if self.runs < MOST_WITH_WORDS else "")


def began(run_id: str, at_ms: int, event: Event, bot_login: str) -> Began:
    """Return how a run of the conversation began."""
    by_words = event.is_comment and event.actor.kind == "person"
    return Began(run_id, at_ms, by_words, by_words and said_to(event.text, bot_login).goes_on)


def loop_in(runs: Sequence[Began], now_ms: int) -> Loop | None:
    """Return the loop that the conversation's runs make, newest first, or None. One `continue` within an hour is taken at its word."""
    lately = [each for each in runs if each.at_ms > now_ms - WINDOW_MS]
    told = [index for index, each in enumerate(lately) if each.goes_on]
    # The oldest: a program may have learnt the word.
    counted = lately[: told[-1] + 1] if told else lately
    in_a_row = next((index for index, each in enumerate(counted) if each.by_words), len(counted))
    most = MOST if in_a_row >= MOST else MOST_WITH_WORDS
    if len(counted) < most:
        return None
    return Loop(
        runs=most, until_ms=counted[most - 1].at_ms + WINDOW_MS, since_run=counted[0].run_id, may_go_on=not told,
    )


def can_loop(event: Event) -> bool:
    """Return whether the event may be an answer to something that Bellhop has done."""
    return event.kind.partition(".")[0] not in NOBODYS_WORD
