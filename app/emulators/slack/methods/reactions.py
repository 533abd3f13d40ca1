"""`reactions.*`: https://docs.slack.dev/reference/methods"""

from __future__ import annotations

import re

from app.emulators.slack import posting
from app.emulators.slack.call import Call
from app.emulators.slack.problems import Refusal
from app.emulators.slack.shapes import conversation
from app.emulators.slack.state import Json, Message

_NAME = re.compile(r"[a-z0-9_+'-]+(?:::skin-tone-[2-6])?")


def add(call: Call) -> Json:
    """Put a reaction of the bot on a message."""
    call.need("reactions:write")
    posting.react(call.world, _item(call), call.bot, _name(call))
    return {}


def remove(call: Call) -> Json:
    """Take the bot's reaction off."""
    call.need("reactions:write")
    posting.unreact(call.world, _item(call), call.bot, _name(call))
    return {}


def get(call: Call) -> Json:
    """Tell of a message with its reactions."""
    call.need("reactions:read")
    found = _item(call)
    return {
        "type": "message", "channel": found.channel.id,
        "message": {**conversation.message(call.world, found), "permalink": conversation.permalink(call.world, found)},
    }


def _name(call: Call) -> str:
    name = (call.text("name") or "").strip(":")
    if not _NAME.fullmatch(name):
        raise Refusal("invalid_name")
    return name


def _item(call: Call) -> Message:
    if call.text("channel") is None:
        raise Refusal("no_item_specified")
    channel = call.world.state.channel(call.required("channel"))
    if channel is None or call.bot.id not in channel.members:
        # The word that Slack has for it, which its list of 2021 lacks.
        raise Refusal("channel_not_found" if channel is None or channel.kind != "public" else "not_in_channel")
    if not re.fullmatch(r"\d+\.\d{6}", call.text("timestamp") or ""):
        raise Refusal("bad_timestamp")
    return call.message(channel, "timestamp")


METHODS = {"reactions.add": add, "reactions.remove": remove, "reactions.get": get}
