"""`block_actions`: a button below a card, or a menu's choice; pure. https://docs.slack.dev/reference/interaction-payloads/block_actions-payload"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from app.core.event import Event
from triggers.slack.happening import CARD, digest, event_of, foreign, members_of, text_of
from triggers.slack.installation import Installation, a_stamp, an_id
from triggers.storable import storable

# How the action of a button and of a menu is called; what follows is the card's own name for it.
BUTTON, MENU = "bellhop.button.", "bellhop.menu."
VALUE_LIMIT_CHARACTERS = 2000
# What a block says of the conversation that it is about: one that only one person sees, or that stands elsewhere, is in no thread of its own.
_ABOUT = re.compile(r"bellhop\|([A-Z][A-Za-z0-9]{1,30})/(\d{1,12}\.\d{1,9}|(?:command|form)-[0-9a-f]{32})\|[a-z]+")


def block_id(thread: str, what: str) -> str:
    """Return the id of a card's block with buttons or a menu."""
    channel, _, first = thread.rpartition("/")
    return f"bellhop|{channel.rpartition('/')[2]}/{first}|{what}"


def read_press(body: Mapping[str, Any], installed: Installation) -> Event | str:
    """Return the event, or why it is passed over. Raises DeliveryRefused."""
    by, actions = members_of(body.get("user")), body.get("actions")
    if foreign(installed, by.get("team_id")):
        return "stranger"
    if not isinstance(actions, list) or len(actions) != 1:
        return "not_ours"
    action = members_of(actions[0])
    called = text_of(action.get("action_id"))
    if not called.startswith((BUTTON, MENU)):
        return "not_ours"
    is_menu = called.startswith(MENU)
    name = storable(called.removeprefix(MENU if is_menu else BUTTON))
    value = storable(text_of(members_of(action.get("selected_option")).get("value") if is_menu else action.get("value")))[:VALUE_LIMIT_CHARACTERS]
    at, message = members_of(body.get("container")), members_of(body.get("message"))
    channel, stamp = an_id(at.get("channel_id")), a_stamp(at.get("message_ts"))
    about = _ABOUT.fullmatch(text_of(action.get("block_id")))
    home, first = (about[1], about[2]) if about is not None else (channel, a_stamp(message.get("thread_ts") or at.get("thread_ts") or stamp))
    user = an_id(by.get("id"))
    one = digest("press", installed.team_id, channel, stamp, user, called, value, text_of(action.get("action_ts")))
    return event_of(
        installed, "choice" if is_menu else "button", delivery_key=f"press/{one}", intent_key=one, user=user, channel=home, first=first,
        text=value if is_menu else " ".join(f"{installed.mention} {name} {value}".split()), button=name,
        login=storable(text_of(by.get("username") or by.get("name")))[:80], url="" if at.get("is_ephemeral") else installed.permalink(channel, stamp, message.get("thread_ts") or stamp),
        handle=f"{CARD}{channel}/{stamp}",
    )
