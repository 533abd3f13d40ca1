"""A card as Slack's blocks. Words of people and agents are plain text, escaped: nothing in them calls anybody, links or formats; pure.

https://docs.slack.dev/reference/block-kit/blocks
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from app.core.card import Button, Card, Link, Menu
from triggers.slack.parse_press import BUTTON, MENU, block_id

Block = dict[str, Any]

# Slack's own limits, in characters, and what stays below them once three characters have become four or five each.
_SECTION, _HEADER, _ELEMENT, _VALUE, _OPTIONS, _FACTS, _BUTTONS = 3000, 150, 75, 2000, 100, 10, 25
# What of a body is shown in the message itself; the rest is in a snippet.
BODY_SECTIONS = 2
_ADDRESS = re.compile(r"https?://[^\s<>|\"\\]{1,2000}")
_DONE, _OPEN = "\u2611", "\u2610"
CUT = "(cut here)"
IN_SNIPPET = "(cut here: the whole text is a snippet in this thread)"


def escaped(text: str) -> str:
    """Return text in which Slack finds nothing to act on. https://docs.slack.dev/messaging/formatting-message-text#escaping"""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def clipped(text: str, limit: int) -> str:
    """Return text, escaped and cut so that it takes no more characters than that."""
    shown = escaped(text)
    if len(shown) <= limit:
        return shown
    while len(shown) > limit - 1:
        # Cut before it is escaped, so that no entity is cut in two.
        text = text[: len(text) - max(1, (len(shown) - limit) // 5)]
        shown = escaped(text)
    return shown + "\u2026"


def fits(card: Card) -> bool:
    """Whether the message itself can hold the whole body."""
    return len(list(_pieces(card.body))) <= BODY_SECTIONS


def text_of(card: Card) -> str:
    """Return what stands for the blocks where they are not shown, as in a notification."""
    return clipped(card.headline, _SECTION)


def blocks_of(card: Card, *, has_snippet: bool = False, is_brief: bool = False) -> list[Block]:
    """Return the blocks of a card; a body that does not fit is cut and says so. `is_brief`: without what may be long."""
    blocks: list[Block] = [{"type": "header", "text": _plain(card.headline or " ", _HEADER)}]
    if not is_brief:
        blocks += _body(card, has_snippet)
        if card.plan:
            lines = "\n".join(f"{_DONE if is_done else _OPEN} {step}" for step, is_done in card.plan)
            blocks.append({"type": "section", "text": _plain(lines, _SECTION)})
    if card.facts:
        blocks.append({"type": "context", "elements": [_plain(fact, _HEADER) for fact in card.facts[:_FACTS] if fact.strip()]})
    if links := [line for link in card.links if (line := _link(link))]:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": "  \u00b7  ".join(links)[:_SECTION], "verbatim": True}})
    if card.menu is not None and card.menu.options:
        blocks += _menu(card.menu, card.thread)
    if buttons := {button.name: _button(button) for button in card.buttons[:_BUTTONS]}:
        blocks.append({"type": "actions", "block_id": block_id(card.thread, "buttons"), "elements": list(buttons.values())})
    return [block for block in blocks if block.get("elements", True)]


def _plain(text: str, limit: int) -> Block:
    return {"type": "plain_text", "text": clipped(text, limit), "emoji": False}


def _pieces(body: str) -> Iterator[str]:
    """Yield a body in pieces that each fit a section once they are escaped, cut at ends of lines where there are any."""
    rest = body.strip()
    while rest:
        size = len(rest)
        while len(escaped(rest[:size])) > _SECTION - len(IN_SNIPPET) - 2:
            size = min(size - 1, max(1, size * (_SECTION - len(IN_SNIPPET) - 2) // len(escaped(rest[:size]))))
        if size < len(rest) and (line := rest.rfind("\n", size // 2, size)) > 0:
            size = line
        yield rest[:size]
        rest = rest[size:].lstrip("\n")


def _body(card: Card, has_snippet: bool) -> Iterator[Block]:
    pieces = list(_pieces(card.body))
    shown = pieces[:BODY_SECTIONS]
    if len(pieces) > BODY_SECTIONS:
        shown[-1] += f"\n{IN_SNIPPET if has_snippet else CUT}"
    return ({"type": "section", "text": _plain(piece, _SECTION)} for piece in shown)


def _link(link: Link) -> str:
    if not _ADDRESS.fullmatch(link.url):
        return ""
    return f"<{link.url.replace('&', '&amp;')}|{clipped(link.label.replace('|', ' '), _ELEMENT) or 'link'}>"


def _button(button: Button) -> Block:
    made: Block = {"type": "button", "action_id": f"{BUTTON}{button.name}", "text": _plain(button.label or button.name, _ELEMENT)}
    if button.value:
        made["value"] = button.value[:_VALUE]
    if button.is_danger:
        made |= {"style": "danger", "confirm": {
            "title": _plain("Are you sure?", 100), "text": _plain(f"{button.label or button.name}: this cannot be taken back.", 300),
            "confirm": _plain("Yes", 30), "deny": _plain("No", 30),
        }}
    elif button.name == "approve":
        made["style"] = "primary"
    return made


def _menu(menu: Menu, thread: str) -> list[Block]:
    options = [
        {"text": _plain(option.label or option.value, _ELEMENT), "value": option.value} for option in menu.options[:_OPTIONS] if 0 < len(option.value) <= 150
    ]
    if not options:
        return []
    chooser = {"type": "static_select", "action_id": f"{MENU}{menu.name}", "placeholder": _plain(menu.label, _HEADER), "options": options}
    return [{"type": "actions", "block_id": block_id(thread, "menu"), "elements": [chooser]}]
