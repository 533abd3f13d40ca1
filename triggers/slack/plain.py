"""Slack's markup as plain text: what people meant by it, with nothing in it that Slack would act on; pure.

https://docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

import re

from triggers.storable import storable

_TOKEN = re.compile(r"<([^<>\n]{1,4000})>")
_SCHEME = re.compile(r"^(?:https?://|mailto:|tel:)")


def plain(text: str) -> str:
    """Return text without Slack's tokens and entities; an account is shown by its id, since a name proves nothing."""
    return storable(entities(_TOKEN.sub(_meant, text)))


def entities(text: str) -> str:
    """Return text with the three characters that Slack escapes, once."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _meant(token: re.Match[str]) -> str:
    target, _, label = token[1].partition("|")
    if target.startswith("@"):
        return target
    if target.startswith("#"):
        return f"#{label}" if label else target
    if target.startswith("!"):
        # `!channel`, `!subteam^S1|@name`, `!date^1392734382^Posted {date}|Posted 2014`.
        return label or f"@{target[1:].partition('^')[0]}"
    address = target.removeprefix("mailto:").removeprefix("tel:")
    if label in ("", target, address):
        return address
    if label == _SCHEME.sub("", target).rstrip("/"):
        # Typed without its scheme. A path makes it an address; `README.md` is one to Slack's clients only.
        return target if "/" in label else label
    return f"{label} ({address})"
