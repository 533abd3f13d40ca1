"""`users.*`: https://docs.slack.dev/reference/methods"""

from __future__ import annotations

from app.emulators.slack.call import Call
from app.emulators.slack.methods.pages import page
from app.emulators.slack.problems import Refusal
from app.emulators.slack.shapes import account, conversation
from app.emulators.slack.state import Json, Member


def info(call: Call) -> Json:
    """Tell of one member."""
    call.need("users:read")
    found = call.world.state.members.get(call.text("user") or "")
    if found is None:
        raise Refusal("user_not_found")
    return {"user": _shape(call, found)}


def list_all(call: Call) -> Json:
    """List the workspace's members."""
    call.need("users:read")
    ours = [one for one in call.world.state.members.values() if one.team is call.world.team]
    found, metadata = page(call, ours, 1000)
    return {"members": [_shape(call, one) for one in found], "cache_ts": call.world.seconds, "response_metadata": metadata}


def lookup_by_email(call: Call) -> Json:
    """Find a member of the workspace by address; those who have left, and those of others, are not found."""
    call.need("users:read.email")
    wanted = call.required("email").lower()
    found = next((
        one for one in call.world.state.members.values()
        if one.team is call.world.team and not one.deleted and not one.is_bot and (one.email or "").lower() == wanted
    ), None)
    if found is None:
        raise Refusal("users_not_found")
    return {"user": _shape(call, found)}


def conversations(call: Call) -> Json:
    """List the channels that a member is in, the bot itself if nobody is named."""
    call.need("channels:read", "groups:read", "im:read", "mpim:read")
    member = call.world.state.members.get(call.text("user") or call.bot.id)
    if member is None:
        raise Refusal("user_not_found")
    kinds = (call.text("types") or "public_channel").split(",")
    ours = [
        one for one in call.world.state.channels.values()
        if member.id in one.members and (one.kind == "public" or call.bot.id in one.members)
        and {"public": "public_channel", "private": "private_channel"}.get(one.kind, one.kind) in kinds
    ]
    found, metadata = page(call, ours, 1000)
    return {"channels": [conversation.channel(call.world, one, call.bot) for one in found], "response_metadata": metadata}


def _shape(call: Call, member: Member) -> Json:
    return account.user(call.world, member, email="users:read.email" in call.world.app.scopes)


METHODS = {
    "users.info": info, "users.list": list_all, "users.lookupByEmail": lookup_by_email, "users.conversations": conversations,
}
