"""What is said to the bot in a comment: a command, options, or words for the agent; pure."""

from __future__ import annotations

import re
from typing import Literal

from app.core.deciding.mention import commands
from app.core.noun import Noun

Verb = Literal["work", "now", "stop", "cancel", "status", "retry", "approve", "reject"]
# A comment that says several of them means the most.
_STRONGEST_FIRST: tuple[Verb, ...] = ("cancel", "stop", "reject", "approve", "retry", "now", "status", "work")

OPTIONS = ("agent", "model", "branch", "budget")
# Where somebody speaks who is in no repository, it says which is meant; it chooses nothing of the run.
REPO = "repo"
_OPTION = re.compile(rf"({'|'.join((*OPTIONS, REPO))})=(\S+)\s*", re.IGNORECASE)
_NOW = re.compile(r"now(?:[\s:,]+|$)", re.IGNORECASE)
_GO_ON = re.compile(r"continue[\s.!]*", re.IGNORECASE)
_END = re.compile(r"(stop|cancel)[\s.!]*", re.IGNORECASE)
_ABOUT = re.compile(r"(?:(status|retry)|(approve|reject)(?:\s+([0-9a-f]{7,64}))?)[\s.!]*", re.IGNORECASE)


class Said(Noun):
    """`verb` is what the bot is told; `options` are the `name=value` words that stand before all others, the last of a name counts.

    `is_addressed`: some line speaks to the bot at all. `goes_on`: one says `continue`, and nothing else. `named` is the beginning of
    what `approve` or `reject` is about, where it is named. `repo` is the repository that is named, where one is.
    """

    verb: Verb = "work"
    named: str = ""
    options: dict[str, str] = {}
    repo: str = ""
    is_addressed: bool = False
    goes_on: bool = False


def said_to(text: str, bot_login: str) -> Said:
    """Return what a comment says to the bot: only lines that begin with its name count (`commands`)."""
    verbs: set[Verb] = {"work"}
    options: dict[str, str] = {}
    named = ""
    lines = commands(text, bot_login)
    for line in lines:
        rest = line
        if now := _NOW.match(rest):
            verbs.add("now")
            rest = rest[now.end():]
        if end := _END.fullmatch(rest):
            verbs.add("stop" if end[1].casefold() == "stop" else "cancel")
        if about := _ABOUT.fullmatch(rest):
            verbs.add(_verb(about[1] or about[2]))
            named = (about[3] or named).lower()
        while option := _OPTION.match(rest):
            options[option[1].lower()] = option[2]
            rest = rest[option.end():]
    repo = options.pop(REPO, "")
    return Said(
        verb=next(verb for verb in _STRONGEST_FIRST if verb in verbs), named=named, options=options, repo=repo, is_addressed=bool(lines),
        goes_on=any(_GO_ON.fullmatch(line) for line in lines),
    )


def _verb(said: str) -> Verb:
    return next(verb for verb in _STRONGEST_FIRST if verb == said.casefold())
