"""From what a person types to what Slack keeps: mentions by id, links in angle brackets, everything else escaped.

https://docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.emulators.slack.state import Json, State

_PIECE = re.compile(
    r"(?P<kept><(?:@[UW]\w+|#[CG]\w+(?:\|[^<>|]*)?|!(?:here|channel|everyone)|https?://[^<>\s|]+(?:\|[^<>|]*)?)>)"
    r"|(?P<url>https?://[^\s<>]+)|(?<![\w@])@(?P<who>[\w.-]+)|(?<![\w#&])#(?P<where>[\w-]+)"
)
_PING = re.compile(r"<(@[UW]\w+|!(?:here|channel|everyone)|!subteam\^\w+)(?:\|[^<>]*)?>")


def escaped(text: str) -> str:
    """Return text in which nothing is markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def typed(state: State, text: str, *, named: bool = False) -> str:
    """Return what Slack makes of what somebody types: `@ada`, `#general` and addresses become markup; markup of theirs stays.

    With `named` a mention bears the name too, as in slash commands.
    """
    parts, at = [], 0
    for found in _PIECE.finditer(text):
        parts += [escaped(text[at : found.start()]), _piece(state, found, named)]
        at = found.end()
    return "".join([*parts, escaped(text[at:])])


def _piece(state: State, found: re.Match[str], named: bool) -> str:
    if found["kept"]:
        return found["kept"]
    if found["url"]:
        return f"<{escaped(found['url'])}>"
    if found["who"]:
        member = state.member(found["who"])
        special = found["who"] in ("here", "channel", "everyone")
        name = f"|{member.name}" if member and named else ""
        return f"<@{member.id}{name}>" if member else f"<!{found['who']}>" if special else escaped(found[0])
    channel = state.channel(found["where"])
    return f"<#{channel.id}|{channel.name}>" if channel and channel.kind != "im" else escaped(found[0])


def pings(*texts: str) -> list[str]:
    """Return whom texts call, as Slack writes them: `@U...`, `!here`, `!channel`, `!everyone`, `!subteam^S...`."""
    return [found[1] for text in texts for found in _PING.finditer(text)]


def rich_text(block_id: str, text: str) -> Json:
    """Return the one block that Slack gives what a person has typed."""
    elements = list(_elements(text)) or [{"type": "text", "text": ""}]
    return {"type": "rich_text", "block_id": block_id, "elements": [{"type": "rich_text_section", "elements": elements}]}


def _elements(text: str) -> Iterator[Json]:
    at = 0
    for found in re.finditer(r"<([^<>]+)>", text):
        if found.start() > at:
            yield {"type": "text", "text": _plain(text[at : found.start()])}
        inner, at = found[1], found.end()
        if inner.startswith("@"):
            yield {"type": "user", "user_id": inner[1:]}
        elif inner.startswith("#"):
            yield {"type": "channel", "channel_id": inner[1:].split("|")[0]}
        elif inner.startswith("!"):
            yield {"type": "broadcast", "range": inner[1:]}
        else:
            yield {"type": "link", "url": _plain(inner.split("|")[0])}
    if at < len(text):
        yield {"type": "text", "text": _plain(text[at:])}


def _plain(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
