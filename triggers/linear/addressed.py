"""Words that somebody in Linear addresses to the bot, as the rest of Bellhop reads such words; pure."""

from __future__ import annotations

import re

from app.core.deciding.mention import commands
from app.core.noun import Noun

_BLOCK = re.compile(r"\s*(?:>|```|~~~|<!--)|\n*(?: {4}|\t)")


class Bot(Noun):
    """Whom people in Linear address: `login` is the bot's everywhere, `name` that of its user in Linear.

    `user_id` is that user's id, and set only for a workspace without agent sessions: there assignments to it and comments that address it ring,
    which sessions say elsewhere.
    """

    login: str
    name: str = ""
    user_id: str = ""

    @property
    def mention(self) -> str:
        """What a line begins with that addresses it."""
        return f"@{self.login.removesuffix('[bot]')}"


def named(text: str, bot: Bot) -> str:
    """Return text in which a mention of the bot's user at the start of a line is one of its login."""
    known = (bot.name, bot.name.replace(" ", ""), bot.login.removesuffix("[bot]"))
    names = "|".join(re.escape(name) for name in dict.fromkeys(known) if name)
    # As people write it, as a link with that label, or as the address of its profile, which is how Linear keeps a mention.
    address = r"https://[^\s/()\[\]]+/[^\s/()\[\]]+/profiles"
    mention = re.compile(
        rf"^( {{0,3}})(?:@(?:{names})|\[@?(?:{names})\]\({address}/[^\s()]+\)|{address}/(?:{names}))(?=[\s:,.!]|$)", re.IGNORECASE | re.MULTILINE,
    )
    return mention.sub(lambda found: f"{found[1]}{bot.mention}", text)


def addressed(text: str, bot: Bot) -> str:
    """Return text that a session has brought, and which so is for the bot, with its name at the start of a line where none has it."""
    text = named(text, bot)
    if commands(text, bot.login):
        return text
    if not text.strip():
        return bot.mention
    # A quote or a block stays what it is only at the beginning of its own line.
    return f"{bot.mention}\n{text}" if _BLOCK.match(text) else f"{bot.mention} {text.lstrip()}"
