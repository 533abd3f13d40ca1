"""Finding what somebody says to the bot, and only what is really said: not quoted, not code, not hidden."""

from __future__ import annotations

import re

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")


def commands(text: str, bot_login: str) -> list[str]:
    """Return the words after `@bot` or `/bot` at the start of a line, one entry for each such line.

    Lines in code blocks, quotes (with the lines that run on from them) and HTML comments do not count.
    """
    name = re.escape(bot_login.removesuffix("[bot]"))
    address = re.compile(rf"^ {{0,3}}[@/]{name}(?:\[bot\])?(?:[\s:,]+(.*))?$", re.IGNORECASE)
    found: list[str] = []
    fence = ""
    hidden = quoted = False
    for line in text.splitlines():
        if hidden:
            hidden = "-->" not in line
            continue
        if fence:
            if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
            continue
        opening = _FENCE.match(line)
        if opening:
            fence, quoted = opening[1], False
            continue
        quoted = bool(line.strip()) and (quoted or line.lstrip().startswith(">"))
        said = None if quoted else address.match(line)
        if said:
            found.append((said[1] or "").split("<!--")[0].strip())
        hidden = line.rfind("<!--") > line.rfind("-->")
    return found
