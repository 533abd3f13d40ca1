"""Which of somebody's words are for the bot, written as Bellhop's own rules of words read them; pure."""

from __future__ import annotations

import re

from app.core.deciding.mention import commands
from app.core.deciding.said import OPTIONS
from triggers.slack.installation import Installation
from triggers.slack.plain import plain

TITLE_LIMIT_CHARACTERS = 200
_FENCED = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
# `task repo=octo/hello model=x`: people write them last, and everybody else reads them first.
_LAST_OPTIONS = re.compile(rf"(?:(?:^|\s+)(?:repo|{'|'.join(OPTIONS)})=\S+)+\s*$", re.IGNORECASE)

_FIRST_OPTIONS = re.compile(rf"^(?:(?:repo|{'|'.join(OPTIONS)})=\S+\s*)+", re.IGNORECASE)


def names_the_bot(text: str, installed: Installation) -> bool:
    """Whether Slack's text mentions the bot itself, neither quoted nor in a block of code."""
    token = re.compile(rf"<@{re.escape(installed.bot_user_id)}[|>]")
    return any(token.search(line) for line in _FENCED.sub("", text).splitlines() if not line.lstrip().startswith("&gt;"))


def spoken(text: str, installed: Installation) -> str:
    """Return Slack's text plain, with the bot's own name wherever it is mentioned."""
    return plain(re.sub(rf"<@{re.escape(installed.bot_user_id)}(?:\|[^<>]*)?>", installed.mention, text)).strip()


def addressed(words: str, installed: Installation) -> str:
    """Return plain words that are for the bot as the rules of words want them: where no line begins with its name, the first one does."""
    return words if commands(words, installed.name) else f"{installed.mention} {words}".rstrip()


def ordered(task: str) -> str:
    """Return a task with the options that stand at its end before it."""
    found = _LAST_OPTIONS.search(task)
    if found is None:
        return task.strip()
    return f"{' '.join(found[0].split())} {task[:found.start()].strip()}".strip()


def title_of(words: str, installed: Installation) -> str:
    """Return the first line of words, short, without the bot's name and the options that stand before all others."""
    own = _FIRST_OPTIONS.sub("", words.removeprefix(installed.mention).lstrip(" :,\n"))
    return next(iter(own.splitlines()), "")[:TITLE_LIMIT_CHARACTERS]
