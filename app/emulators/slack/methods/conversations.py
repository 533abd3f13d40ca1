"""`conversations.*`: https://docs.slack.dev/reference/methods"""

from __future__ import annotations

from app.emulators.slack import events, posting
from app.emulators.slack.call import Call
from app.emulators.slack.events import READ
from app.emulators.slack.methods.pages import page
from app.emulators.slack.problems import Refusal
from app.emulators.slack.shapes import conversation
from app.emulators.slack.state import Channel, Json, Kind, Message

_TYPES: dict[str, Kind] = {"public_channel": "public", "private_channel": "private", "im": "im", "mpim": "mpim"}


def info(call: Call) -> Json:
    """Tell of one conversation."""
    return {"channel": conversation.channel(call.world, call.channel(), call.bot, with_count=call.flag("include_num_members"))}


def list_all(call: Call) -> Json:
    """List the conversations that the bot may know of."""
    kinds = []
    for name in (call.text("types") or "public_channel").split(","):
        if name not in _TYPES:
            raise Refusal("invalid_types")
        kinds.append(_TYPES[name])
        call.need(READ[_TYPES[name]])
    ours = [
        one for one in call.world.state.channels.values()
        if one.kind in kinds and (one.kind == "public" or call.bot.id in one.members)
        and not (one.archived and call.flag("exclude_archived"))
    ]
    found, metadata = page(call, ours, 1000)
    return {"channels": [conversation.channel(call.world, one, call.bot, with_count=True) for one in found], "response_metadata": metadata}


def open_direct(call: Call) -> Json:
    """Open the direct messages with one member."""
    call.need("im:write")
    given = [one for one in (call.text("users") or "").split(",") if one]
    if call.text("channel"):
        found = call.channel(seen=False)
        if found.kind != "im":
            raise Refusal("method_not_supported_for_channel_type")
    else:
        if not given:
            raise Refusal("users_list_not_supplied")
        if len(given) > 1:
            raise Refusal("invalid_user_combination")
        member = call.world.state.members.get(given[0])
        if member is None or member is call.bot:
            raise Refusal("user_not_found")
        if member.deleted:
            raise Refusal("user_disabled")
        found = posting.open_direct(call.world, call.bot, member)
    shape = conversation.channel(call.world, found, call.bot) if call.flag("return_im") else {"id": found.id}
    return {"channel": shape}


def history(call: Call) -> Json:
    """List what was said in a conversation, newest first, threads' replies left out."""
    channel = call.readable()
    said = [one for one in channel.messages.values() if one.thread_ts in (None, one.ts) or one.subtype == "thread_broadcast"]
    return _told(call, list(reversed(_between(call, said))), channel)


def replies(call: Call) -> Json:
    """List a thread, oldest first, its first message included."""
    channel = call.readable()
    named = channel.messages.get(call.text("ts") or "")
    root = channel.messages.get(named.thread_ts) if named and named.thread_ts else named
    if root is None:
        raise Refusal("thread_not_found")
    # The first message stands on the first page whatever the bounds are.
    return _told(call, [root, *(one for one in _between(call, channel.replies(root.ts)))], None)


def members(call: Call) -> Json:
    """List who is in a conversation."""
    found, metadata = page(call, call.channel().members, 1000)
    return {"members": list(found), "response_metadata": metadata}


def join(call: Call) -> Json:
    """Have the bot join a public channel."""
    call.need("channels:join")
    channel = call.channel(seen=False)
    if channel.kind != "public":
        raise Refusal("method_not_supported_for_channel_type")
    if channel.archived:
        raise Refusal("is_archived")
    if call.bot.id not in channel.members:
        channel.members.append(call.bot.id)
        events.joined(call.world, channel, call.bot, None)
    return {"channel": conversation.channel(call.world, channel, call.bot)}


def _between(call: Call, messages: list[Message]) -> list[Message]:
    oldest, latest = _bound(call, "oldest"), _bound(call, "latest")
    edges = call.flag("inclusive")
    return [
        one for one in messages
        if (oldest is None or float(one.ts) > oldest or (edges and float(one.ts) == oldest))
        and (latest is None or float(one.ts) < latest or (edges and float(one.ts) == latest))
    ]


def _bound(call: Call, name: str) -> float | None:
    value = call.text(name)
    try:
        return None if value is None else float(value)
    except ValueError as error:
        raise Refusal(f"invalid_ts_{name}") from error


def _told(call: Call, messages: list[Message], channel: Channel | None) -> Json:
    found, metadata = page(call, messages, 999)
    with_metadata = call.flag("include_all_metadata")
    more = bool(metadata["next_cursor"])
    answer: Json = {
        "messages": [conversation.message(call.world, one, metadata=with_metadata) for one in found], "has_more": more,
        **({"response_metadata": metadata} if more else {}),
    }
    return answer if channel is None else {**answer, "pin_count": 0, "channel_actions_ts": None, "channel_actions_count": 0}


METHODS = {
    "conversations.info": info, "conversations.list": list_all, "conversations.open": open_direct, "conversations.history": history,
    "conversations.replies": replies, "conversations.members": members, "conversations.join": join,
}
