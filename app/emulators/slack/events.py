"""Which happenings the App hears of, and the Events API payloads that it gets.

Each event needs a subscription, a scope, and the App's bot in the conversation: https://docs.slack.dev/reference/events
"""

from __future__ import annotations

from app.emulators.slack.deliveries import Delivery, Target
from app.emulators.slack.shapes import account, conversation
from app.emulators.slack.state import Channel, Json, Kind, Member, Message
from app.emulators.slack.typed import pings
from app.emulators.slack.world import World

HISTORY: dict[Kind, str] = {"public": "channels:history", "private": "groups:history", "im": "im:history", "mpim": "mpim:history"}
READ: dict[Kind, str] = {"public": "channels:read", "private": "groups:read", "im": "im:read", "mpim": "mpim:read"}
_MESSAGES: dict[Kind, str] = {"public": "message.channels", "private": "message.groups", "im": "message.im", "mpim": "message.mpim"}
_TYPES: dict[Kind, str] = {"public": "channel", "private": "group", "im": "im", "mpim": "mpim"}


def target(world: World) -> Target:
    """Return where the App's events go now."""
    app = world.app
    return Target(app.request_url, app.signing_secret, app.socket_mode)


def posted(world: World, message: Message) -> None:
    """Tell of a new message: `message.channels` and its like, and `app_mention` where the App is called."""
    event = conversation.message(world, message, metadata="metadata.message:read" in world.app.scopes)
    for dropped in ("reply_count", "reply_users_count", "latest_reply", "reply_users", "is_locked", "subscribed"):
        event.pop(dropped, None)
    root = message.channel.messages.get(message.thread_ts or "")
    if message.subtype == "thread_broadcast" and root is not None:
        event["root"] = conversation.message(world, root)
    in_channel(world, _MESSAGES[message.channel.kind], HISTORY[message.channel.kind], message.channel, {
        **event, "channel": message.channel.id, "event_ts": message.ts, "channel_type": _TYPES[message.channel.kind],
    })
    called = f"@{world.app.bot.id}" in pings(message.text)
    # In direct messages there is no app_mention.
    if called and message.channel.kind != "im" and message.user is not world.app.bot:
        for dropped in ("subtype", "root"):
            event.pop(dropped, None)
        in_channel(world, "app_mention", "app_mentions:read", message.channel, {
            **event, "type": "app_mention", "channel": message.channel.id, "event_ts": message.ts,
        })


def changed(world: World, message: Message, before: Json) -> None:
    """Tell that a message was edited (`message_changed`)."""
    ts = world.new_ts()
    in_channel(world, _MESSAGES[message.channel.kind], HISTORY[message.channel.kind], message.channel, {
        "type": "message", "subtype": "message_changed", "message": conversation.message(world, message), "previous_message": before,
        "channel": message.channel.id, "hidden": True, "ts": ts, "event_ts": ts, "channel_type": _TYPES[message.channel.kind],
    })


def deleted(world: World, message: Message, before: Json) -> None:
    """Tell that a message is gone (`message_deleted`)."""
    ts = world.new_ts()
    in_channel(world, _MESSAGES[message.channel.kind], HISTORY[message.channel.kind], message.channel, {
        "type": "message", "subtype": "message_deleted", "previous_message": before, "channel": message.channel.id, "hidden": True,
        "deleted_ts": message.ts, "ts": ts, "event_ts": ts, "channel_type": _TYPES[message.channel.kind],
    })


def reacted(world: World, message: Message, member: Member, name: str, *, added: bool) -> None:
    """Tell of a reaction (`reaction_added`, `reaction_removed`)."""
    in_channel(world, "reaction_added" if added else "reaction_removed", "reactions:read", message.channel, {
        "type": "reaction_added" if added else "reaction_removed", "user": member.id, "reaction": name, "item_user": message.user.id,
        "item": {"type": "message", "channel": message.channel.id, "ts": message.ts}, "event_ts": world.new_ts(),
    })


def joined(world: World, channel: Channel, member: Member, inviter: Member | None, *, left: bool = False) -> None:
    """Tell that somebody has joined a channel or left it (`member_joined_channel`, `member_left_channel`)."""
    name = "member_left_channel" if left else "member_joined_channel"
    in_channel(world, name, READ[channel.kind], channel, {
        "type": name, "user": member.id, "channel": channel.id, "channel_type": "C" if channel.kind == "public" else "G",
        "team": member.team.id, **({"inviter": inviter.id} if inviter else {}), "event_ts": world.new_ts(),
    })


def user_changed(world: World, member: Member) -> None:
    """Tell that an account is not what it was (`user_change`)."""
    shape = account.user(world, member, email="users:read.email" in world.app.scopes)
    in_channel(world, "user_change", "users:read", None, {
        "type": "user_change", "user": shape, "cache_ts": world.seconds, "event_ts": world.new_ts(),
    })


def revoked(world: World) -> None:
    """Tell an App that it has been removed (`tokens_revoked`, `app_uninstalled`), which needs no scope."""
    bot = world.app.bot.id
    for event in ({"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [bot]}}, {"type": "app_uninstalled"}):
        in_channel(world, str(event["type"]), None, None, {**event, "event_ts": world.new_ts()})


def limited(world: World) -> Delivery:
    """Tell an App that it was told too much in a minute, in place of what comes after: https://docs.slack.dev/apis/events-api/#rate_limiting"""
    app = world.app
    return world.deliveries.send(target(world), "event", "app_rate_limited", {
        "token": app.verification_token, "type": "app_rate_limited", "team_id": world.team.id, "minute_rate_limited": world.seconds // 60 * 60,
        "api_app_id": app.id,
    })


def in_channel(world: World, subscription: str, scope: str | None, channel: Channel | None, event: Json) -> Delivery | None:
    """Send an event, if the App is subscribed, was given the scope, and is in the conversation; the caller holds the lock."""
    if world.state.app is None:
        return None
    app = world.app
    if subscription not in app.events or (scope and scope not in app.scopes):
        return None
    if channel is not None and app.bot.id not in channel.members:
        return None
    return world.deliveries.send(target(world), "event", str(event["type"]), wrapped(world, channel, event))


def wrapped(world: World, channel: Channel | None, event: Json) -> Json:
    """Return an event in what stands around it: https://docs.slack.dev/apis/events-api/#callback-field"""
    app = world.app
    where = channel.id if channel else app.id
    return {
        "token": app.verification_token, "team_id": world.team.id, "context_team_id": world.team.id, "context_enterprise_id": None,
        "api_app_id": app.id, "event": event, "type": "event_callback", "event_id": world.state.new_id("Ev"),
        "event_time": int(str(event["event_ts"]).split(".", maxsplit=1)[0]),
        "authorizations": [
            {"enterprise_id": None, "team_id": world.team.id, "user_id": app.bot.id, "is_bot": True, "is_enterprise_install": False}
        ],
        "is_ext_shared_channel": channel is not None and world.is_external(channel),
        "event_context": f"4-{event['type']}-{world.team.id}-{where}",
    }
