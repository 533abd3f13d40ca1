"""Writing, changing and removing messages and reactions: the same for people and for the App. The caller holds the lock."""

from __future__ import annotations

import re

from app.emulators.slack import events
from app.emulators.slack.problems import Refusal
from app.emulators.slack.shapes.conversation import message as shape
from app.emulators.slack.state import Channel, File, Json, Member, Message
from app.emulators.slack.world import World

# https://docs.slack.dev/changelog/2018-truncating-really-long-messages
LONGEST_TEXT = 40_000


def post(
    world: World, channel: Channel, author: Member, text: str, *, thread_ts: str | None = None, blocks: list[Json] | None = None,
    attachments: list[Json] | None = None, metadata: Json | None = None, files: list[File] | None = None, sent: Json | None = None,
    client_msg_id: str | None = None, broadcast: bool = False,
) -> Message:
    """Put a message into a conversation and tell of it. Raises Refusal for a thread that is not there."""
    if thread_ts is not None:
        if not re.fullmatch(r"\d{10}\.\d{6}", thread_ts):
            raise Refusal("invalid_thread_ts")
        root = channel.messages.get(thread_ts)
        if root is None or (root.thread_ts is not None and root.thread_ts != root.ts):
            raise Refusal("thread_not_found")
        root.thread_ts = root.ts
    text = text[:LONGEST_TEXT]
    subtype = "thread_broadcast" if broadcast and thread_ts else "file_share" if files else None
    found = Message(
        ts=world.new_ts(), channel=channel, user=author, text=text, thread_ts=thread_ts, blocks=blocks, attachments=attachments,
        metadata=metadata, subtype=subtype, files=files or [], sent=sent or {}, texts=[text], client_msg_id=client_msg_id,
    )
    channel.messages[found.ts] = found
    for file in found.files:
        file.channels.append(channel.id)
    events.posted(world, found)
    return found


def whisper(
    world: World, channel: Channel, author: Member, reader: Member, text: str, *, blocks: list[Json] | None = None,
    thread_ts: str | None = None, sent: Json | None = None,
) -> Message:
    """Show one member a message that nobody else sees, and that is kept nowhere."""
    found = Message(
        ts=world.new_ts(), channel=channel, user=author, text=text[:LONGEST_TEXT], blocks=blocks, thread_ts=thread_ts,
        sent=sent or {}, texts=[text], ephemeral_to=reader,
    )
    world.state.ephemeral.append(found)
    return found


def edit(
    world: World, found: Message, editor: Member, *, text: str | None, blocks: list[Json] | None,
    attachments: list[Json] | None = None, metadata: Json | None = None, sent: Json | None = None,
) -> None:
    """Change a message and tell of it (`message_changed`)."""
    before = shape(world, found)
    found.text = found.text if text is None else text[:LONGEST_TEXT]
    found.blocks = blocks
    found.attachments = attachments or found.attachments
    found.metadata = metadata or found.metadata
    found.sent |= sent or {}
    found.texts.append(found.text)
    if found.ephemeral_to is None:
        found.edited = (editor.id, f"{world.seconds}.000000")
        events.changed(world, found, before)


def delete(world: World, found: Message) -> None:
    """Remove a message and tell of it; one with replies leaves its place to them."""
    if found.ephemeral_to is not None:
        world.state.ephemeral.remove(found)
        return
    before = shape(world, found)
    if found.channel.replies(found.ts):
        found.tombstone = True
    else:
        del found.channel.messages[found.ts]
    events.deleted(world, found, before)


def react(world: World, found: Message, member: Member, name: str) -> None:
    """Put a reaction on a message. Raises Refusal for one that is there."""
    who = found.reactions.setdefault(name, [])
    if member.id in who:
        raise Refusal("already_reacted")
    who.append(member.id)
    events.reacted(world, found, member, name, added=True)


def unreact(world: World, found: Message, member: Member, name: str) -> None:
    """Take a reaction off. Raises Refusal for one that is not there."""
    who = found.reactions.get(name, [])
    if member.id not in who:
        raise Refusal("no_reaction")
    who.remove(member.id)
    if not who:
        del found.reactions[name]
    events.reacted(world, found, member, name, added=False)


def open_direct(world: World, one: Member, other: Member) -> Channel:
    """Return the direct messages of two, made where there are none."""
    found = world.state.direct(one, other)
    if found is None:
        number = world.state.new_id("D")
        found = Channel(id=number, name=number, kind="im", team=world.team, creator=one, created=world.seconds, members=[one.id, other.id])
        world.state.channels[number] = found
    return found
