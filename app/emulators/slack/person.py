"""A person at work: each thing they do changes what is there and tells the App of it, as Slack would."""

from __future__ import annotations

import uuid

from app.emulators.slack import events, interactions, posting
from app.emulators.slack.blocks import elements
from app.emulators.slack.deliveries import Delivery
from app.emulators.slack.state import Channel, File, Json, Member, Message, View
from app.emulators.slack.typed import rich_text, typed
from app.emulators.slack.world import World


class Person:
    """One member; channels go by name or id, messages by their ts. Whatever Slack's own client would not let them do raises LookupError.

    Text is what they type: `@bellhop` and `#general` become mentions, and what would be markup by accident is escaped.
    """

    def __init__(self, world: World, member: Member) -> None:
        self._world = world
        self.member = member

    @property
    def id(self) -> str:
        """Their id."""
        return self.member.id

    def say(self, channel: str, text: str, *, thread_ts: str | None = None, broadcast: bool = False) -> Message:
        """Post in a channel, or in a thread (and with `broadcast` in its channel too)."""
        with self._world.lock:
            return self._post(self._channel(channel), text, thread_ts=thread_ts, broadcast=broadcast)

    def dm(self, text: str, to: str | None = None, *, thread_ts: str | None = None) -> Message:
        """Write to somebody directly; to the App's bot if nobody is named."""
        with self._world.lock:
            other = self._world.named_member(to) if to else self._world.app.bot
            return self._post(posting.open_direct(self._world, self.member, other), text, thread_ts=thread_ts)

    def edit(self, channel: str, ts: str, text: str) -> None:
        """Change a message of their own (`message_changed`)."""
        with self._world.lock:
            found, said = self._own(channel, ts), typed(self._world.state, text)
            posting.edit(self._world, found, self.member, text=said, blocks=[rich_text(self._world.state.new_id("b"), said)])

    def delete(self, channel: str, ts: str) -> None:
        """Remove a message of their own (`message_deleted`)."""
        with self._world.lock:
            posting.delete(self._world, self._own(channel, ts))

    def react(self, channel: str, ts: str, name: str) -> None:
        """Put a reaction on a message (`reaction_added`)."""
        with self._world.lock:
            posting.react(self._world, self._message(channel, ts), self.member, name.strip(":"))

    def unreact(self, channel: str, ts: str, name: str) -> None:
        """Take it off again (`reaction_removed`)."""
        with self._world.lock:
            posting.unreact(self._world, self._message(channel, ts), self.member, name.strip(":"))

    def share(self, channel: str, name: str, content: bytes | str, text: str = "", *, thread_ts: str | None = None) -> Message:
        """Share a file, with words or without (`message`, subtype `file_share`)."""
        with self._world.lock:
            raw = content.encode() if isinstance(content, str) else content
            file = File(self._world.state.new_id("F"), name, name, self.member, self._world.seconds, len(raw), raw)
            self._world.state.files[file.id] = file
            return self._post(self._channel(channel), text, thread_ts=thread_ts, files=[file])

    def join(self, channel: str) -> None:
        """Join a public channel (`member_joined_channel`)."""
        with self._world.lock:
            found = self._world.named_channel(channel)
            if found.kind != "public" or self.member.team is not self._world.team:
                raise LookupError(f"{self.member.name} cannot join {found.name} by themselves")
            if self.member.id not in found.members:
                found.members.append(self.member.id)
                events.joined(self._world, found, self.member, None)

    def invite(self, channel: str, name: str) -> None:
        """Bring somebody, or the App's bot, into a channel (`member_joined_channel`)."""
        with self._world.lock:
            found, other = self._channel(channel), self._world.named_member(name)
            if other.id not in found.members:
                found.members.append(other.id)
                events.joined(self._world, found, other, self.member)

    def leave(self, channel: str) -> None:
        """Leave a channel (`member_left_channel`)."""
        with self._world.lock:
            found = self._channel(channel)
            found.members.remove(self.member.id)
            events.joined(self._world, found, self.member, None, left=True)

    # With what the App shows.

    def command(self, channel: str, name: str, text: str = "") -> Delivery:
        """Give a slash command, such as `/bellhop`."""
        with self._world.lock:
            if name not in self._world.app.commands:
                raise LookupError(f"the App has no command {name}")
            return interactions.command(self._world, self.member, self._channel(channel), name, text)

    def shortcut(self, callback_id: str) -> Delivery:
        """Choose a global shortcut of the App's."""
        with self._world.lock:
            if callback_id not in self._world.app.shortcuts:
                raise LookupError(f"the App has no shortcut {callback_id}")
            return interactions.shortcut(self._world, self.member, callback_id)

    def press(self, channel: str, ts: str, action_id: str) -> Delivery:
        """Press a button of a message, or of one that only they see."""
        with self._world.lock:
            message, block, element = self._element(channel, ts, action_id)
            if element["type"] != "button":
                raise LookupError(f"{action_id} is no button, but a {element['type']}")
            return interactions.used(self._world, self.member, message, block, element, {})

    def choose(self, channel: str, ts: str, action_id: str, wanted: str) -> Delivery:
        """Choose from a menu of a message, by an option's value or its words."""
        with self._world.lock:
            message, block, element = self._element(channel, ts, action_id)
            if element["type"] == "button":
                raise LookupError(f"{action_id} is a button: press it")
            chosen = interactions.chosen(self._world, element, wanted)
            return interactions.used(self._world, self.member, message, block, element, chosen)

    @property
    def views(self) -> list[View]:
        """The modals that they have open, the newest last."""
        with self._world.lock:
            return [one for one in self._world.state.views.values() if one.user is self.member and not one.closed]

    def submit(self, view: View, **filled: str) -> Delivery:
        """Submit a modal; each keyword is an input's action_id, and what was typed or chosen. A required input left empty raises LookupError."""
        with self._world.lock:
            values: dict[str, Json] = {}
            for block, element in elements(view.body["blocks"]):
                wanted = filled.pop(element["action_id"], None)
                if block["type"] != "input":
                    continue
                inside: Json = {"type": element["type"], **_left(element)}
                if wanted is not None:
                    inside |= interactions.chosen(self._world, element, wanted)
                elif not block.get("optional") and set(inside.values()) & {None}:
                    raise LookupError(f"{element['action_id']} must be filled")
                values[block["block_id"]] = {element["action_id"]: inside}
            if filled:
                raise LookupError(f"this modal has no input {', '.join(filled)}")
            return interactions.submitted(self._world, view, values)

    def close_view(self, view: View) -> Delivery | None:
        """Close a modal without submitting it (`view_closed`, if the App has asked for that)."""
        with self._world.lock:
            return interactions.closed(self._world, view)

    def whispers(self, channel: str | None = None) -> list[Message]:
        """Return what only they see, oldest first."""
        with self._world.lock:
            where = self._world.named_channel(channel) if channel else None
            return [one for one in self._world.state.ephemeral if one.ephemeral_to is self.member and where in (None, one.channel)]

    def _post(
        self, channel: Channel, text: str, *, thread_ts: str | None, broadcast: bool = False, files: list[File] | None = None
    ) -> Message:
        said = typed(self._world.state, text)
        if self.member.is_bot:
            return posting.post(self._world, channel, self.member, said, thread_ts=thread_ts)
        return posting.post(
            self._world, channel, self.member, said, thread_ts=thread_ts, files=files, broadcast=broadcast,
            blocks=[rich_text(self._world.state.new_id("b"), said)] if said else None, client_msg_id=str(uuid.uuid4()),
        )

    def _channel(self, name: str) -> Channel:
        found = self._world.named_channel(name)
        if self.member.id not in found.members:
            raise LookupError(f"{self.member.name} is not in {found.name}")
        if found.archived:
            raise LookupError(f"{found.name} is archived")
        return found

    def _message(self, channel: str, ts: str) -> Message:
        found = self._channel(channel).messages.get(ts)
        if found is None or found.tombstone:
            raise LookupError(f"{channel} has no message {ts}")
        return found

    def _own(self, channel: str, ts: str) -> Message:
        found = self._message(channel, ts)
        if found.user is not self.member:
            raise LookupError(f"{ts} is not {self.member.name}'s")
        return found

    def _element(self, channel: str, ts: str, action_id: str) -> tuple[Message, Json, Json]:
        mine = next((one for one in self.whispers(channel) if one.ts == ts), None)
        message = mine or self._message(channel, ts)
        for block, element in elements(message.blocks):
            if element["action_id"] == action_id:
                return message, block, element
        raise LookupError(f"{ts} has nothing called {action_id}")


def _left(element: Json) -> Json:
    """Return what an input holds that nobody has touched."""
    for initial, key in (
        ("initial_value", "value"), ("initial_option", "selected_option"), ("initial_options", "selected_options"),
        ("initial_user", "selected_user"), ("initial_channel", "selected_channel"), ("initial_conversation", "selected_conversation"),
        ("initial_date", "selected_date"), ("initial_time", "selected_time"),
    ):
        if initial in element:
            return {key: element[initial]}
    kind = element["type"]
    if kind == "checkboxes":
        return {"selected_options": []}
    return {"selected_option": None} if kind in ("static_select", "radio_buttons") else {"value": None}
