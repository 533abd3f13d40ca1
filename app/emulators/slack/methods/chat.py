"""`chat.*`: https://docs.slack.dev/reference/methods"""

from __future__ import annotations

from typing import Any

from app.emulators.slack import blocks, posting
from app.emulators.slack.call import Call
from app.emulators.slack.posting import LONGEST_TEXT
from app.emulators.slack.problems import Refusal, invalid_arguments, missing_scope
from app.emulators.slack.shapes import conversation
from app.emulators.slack.state import Json

# What a message asks for besides what it says: kept as it came, for tests to look at.
SENT = ("unfurl_links", "unfurl_media", "mrkdwn", "parse", "link_names", "reply_broadcast", "username", "icon_emoji", "icon_url")
MOST_ATTACHMENTS = 100


def post_message(call: Call) -> Json:
    """Post into a conversation or a thread."""
    channel = call.writable()
    content = _content(call)
    if any(call.text(one) for one in ("username", "icon_emoji", "icon_url")) and "chat:write.customize" not in call.world.app.scopes:
        raise missing_scope("chat:write.customize", call.world.app.scopes)
    found = posting.post(
        call.world, channel, call.bot, **content, thread_ts=call.text("thread_ts"), metadata=_metadata(call),
        sent=_sent(call), broadcast=call.flag("reply_broadcast"),
    )
    answer: Json = {"channel": channel.id, "ts": found.ts, "message": conversation.message(call.world, found)}
    if len(content["text"]) > LONGEST_TEXT:
        answer |= {"warning": "message_truncated", "response_metadata": {"warnings": ["message_truncated"]}}
    return answer


def update(call: Call) -> Json:
    """Change a message of the bot's own; blocks that are not given again are gone if there is text."""
    call.need("chat:write")
    channel = call.channel(seen=False)
    found = call.message(channel, "ts")
    if found.user is not call.bot:
        raise Refusal("cant_update_message")
    given = _given(call)
    if len(given["text"] or "") > LONGEST_TEXT:
        raise Refusal("msg_too_long")
    posting.edit(call.world, found, call.bot, **given, metadata=_metadata(call), sent=_sent(call))
    return {"channel": channel.id, "ts": found.ts, "text": found.text, "message": conversation.message(call.world, found)}


def delete(call: Call) -> Json:
    """Remove a message of the bot's own."""
    call.need("chat:write")
    channel = call.channel(seen=False)
    found = call.message(channel, "ts")
    if found.user is not call.bot:
        raise Refusal("cant_delete_message")
    posting.delete(call.world, found)
    return {"channel": channel.id, "ts": found.ts}


def post_ephemeral(call: Call) -> Json:
    """Show one member of a conversation a message that nobody else sees."""
    channel = call.writable()
    reader = call.world.state.members.get(call.required("user"))
    if reader is None or reader.id not in channel.members:
        raise Refusal("user_not_in_channel")
    content = _content(call)
    found = posting.whisper(
        call.world, channel, call.bot, reader, content["text"], blocks=content["blocks"], thread_ts=call.text("thread_ts"), sent=_sent(call),
    )
    return {"message_ts": found.ts}


def get_permalink(call: Call) -> Json:
    """Return a message's own address, which needs no scope."""
    channel = call.channel(seen=False)
    found = call.message(channel, "message_ts")
    return {"channel": channel.id, "permalink": conversation.permalink(call.world, found)}


def _given(call: Call) -> Json:
    attachments: Any = call.json("attachments")
    if attachments is not None and not isinstance(attachments, list):
        raise invalid_arguments("must be an array [json-pointer:/attachments]")
    if attachments and len(attachments) > MOST_ATTACHMENTS:
        raise Refusal("too_many_attachments")
    found = blocks.checked(call.world.state, call.json("blocks", "invalid_blocks_format"))
    text = call.text("text")
    if text is None and found is None and not attachments:
        raise Refusal("no_text")
    return {"text": text, "blocks": found, "attachments": attachments or None}


def _content(call: Call) -> Json:
    given = _given(call)
    return {**given, "text": given["text"] or ""}


def _metadata(call: Call) -> Json | None:
    found = call.json("metadata", "invalid_metadata_format")
    if found is None:
        return None
    right = isinstance(found, dict) and set(found) == {"event_type", "event_payload"} and isinstance(found["event_payload"], dict)
    if not right or not isinstance(found["event_type"], str):
        raise Refusal("invalid_metadata_format")
    return dict(found)


def _sent(call: Call) -> Json:
    return {name: call.args[name] for name in SENT if name in call.args}


METHODS = {
    "chat.postMessage": post_message, "chat.update": update, "chat.delete": delete, "chat.postEphemeral": post_ephemeral,
    "chat.getPermalink": get_permalink,
}
