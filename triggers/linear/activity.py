"""What a card is in an agent session: an activity, or nothing, for what stands there cannot be edited; pure.

https://linear.app/developers/agent-interaction#agent-activity and https://linear.app/developers/agent-signals
"""

from __future__ import annotations

from typing import Any

from app.core.card import Card
from app.core.noun import Noun
from triggers.linear.markdown import inert, is_address, rendered

_QUESTION, _WORD = "elicitation", "thought"


class Activity(Noun):
    """`once` names it among the card's activities where it is said once, whatever the card says later; empty: each time the card says something else.

    `is_last_word_if_idle`: it ends the session unless there is work under way in it.
    """

    content: dict[str, str]
    is_ephemeral: bool = False
    signal: str = ""
    metadata: dict[str, Any] = {}
    once: str = ""
    is_last_word_if_idle: bool = False


def activity_of(card: Card) -> Activity | None:
    """Return what the card says in a session; None: nothing that is not said already."""
    match card.kind:
        case "status":
            return _status(card)
        case "question":
            return Activity(content=_said(_QUESTION, card), once="question") if card.state == "waiting" else None
        case "menu":
            return None if card.menu is None else Activity(
                content={"type": _QUESTION, "body": "\n\n".join(each for each in (rendered(card), inert(card.menu.label)) if each)}, signal="select",
                metadata={"options": [{"label": option.label, "value": option.value} for option in card.menu.options]},
            )
        case "notice":
            return _notice(card)


def _status(card: Card) -> Activity:
    if card.is_final:
        return Activity(content=_said("response" if card.state == "done" else "error", card), once="final")
    if card.state == "held":
        return Activity(content=_said(_QUESTION, card))
    if card.body.strip() or not card.facts:
        return Activity(content={"type": _WORD, "body": rendered(card, with_links=False)}, is_ephemeral=True)
    # Both are shown as plain text beside each other.
    return Activity(
        content={"type": "action", "action": inert(card.headline), "parameter": inert(" \u00b7 ".join(card.facts))}, is_ephemeral=True,
    )


def _notice(card: Card) -> Activity:
    if card.only_for and (link := next((each for each in card.links if is_address(each.url)), None)):
        # Linear shows the button to that account alone. Another link is said again: the one before holds no more.
        return Activity(
            content={"type": _QUESTION, "body": rendered(card, with_links=False)}, signal="auth",
            metadata={"url": link.url, "userId": card.only_for, "providerName": "GitHub"},
        )
    if card.state in ("failed", "refused"):
        return Activity(content=_said("error", card))
    return Activity(content=_said("response" if card.state == "done" else _WORD, card), is_last_word_if_idle=card.state is None)


def _said(kind: str, card: Card) -> dict[str, str]:
    return {"type": kind, "body": rendered(card)}
