"""What is said to the bot in a comment: a command, options, or words for the agent; pure."""

from __future__ import annotations

import re
from typing import Literal

from app.core.mention import commands
from app.core.noun import Noun

Verb = Literal["work", "now", "stop", "cancel"]
# A comment that says several of them means the most.
_STRONGEST_FIRST: tuple[Verb, ...] = ("cancel", "stop", "now", "work")

OPTIONS = ("agent", "model", "branch", "budget")
_OPTION = re.compile(rf"({'|'.join(OPTIONS)})=(\S+)\s*", re.IGNORECASE)
_NOW = re.compile(r"now(?:[\s:,]+|$)", re.IGNORECASE)
_GO_ON = re.compile(r"continue[\s.!]*", re.IGNORECASE)
_END = re.compile(r"(stop|cancel)[\s.!]*", re.IGNORECASE)


class Said(Noun):
    """`verb` is what the bot is told; `options` are the `name=value` words that stand before all others, the last of a name counts.

    `is_addressed`: some line speaks to the bot at all. `goes_on`: one says `continue`, and nothing else.
    """

    verb: Verb = "work"
    options: dict[str, str] = {}
    is_addressed: bool = False
    goes_on: bool = False


def said_to(text: str, bot_login: str) -> Said:
    """Return what a comment says to the bot: only lines that begin with its name count (`commands`)."""
    verbs: set[Verb] = {"work"}
    options: dict[str, str] = {}
    lines = commands(text, bot_login)
    for line in lines:
        rest = line
        if now := _NOW.match(rest):
            verbs.add("now")
            rest = rest[now.end():]
        if end := _END.fullmatch(rest):
            verbs.add("stop" if end[1].casefold() == "stop" else "cancel")
        while option := _OPTION.match(rest):
            options[option[1].lower()] = option[2]
            rest = rest[option.end():]
    return Said(
        verb=next(verb for verb in _STRONGEST_FIRST if verb in verbs), options=options, is_addressed=bool(lines),
        goes_on=any(_GO_ON.fullmatch(line) for line in lines),
    )
