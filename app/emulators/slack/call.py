"""One call of the Web API: who calls, with which arguments, and what they may do."""

from __future__ import annotations

import json
from typing import Any, Literal

from app.emulators.slack.events import HISTORY, READ
from app.emulators.slack.posting import open_direct
from app.emulators.slack.problems import Refusal, invalid_arguments, missing_scope
from app.emulators.slack.state import Channel, Json, Member, Message
from app.emulators.slack.world import World

TokenKind = Literal["bot", "app"]


class Call:
    """One call. Every method that refuses raises Refusal; the dispatcher holds the lock."""

    def __init__(self, world: World, kind: TokenKind, args: Json) -> None:
        self.world = world
        self.kind = kind
        self.args = args

    @property
    def bot(self) -> Member:
        """The App's bot, which is who acts."""
        return self.world.app.bot

    def need(self, *scopes: str) -> None:
        """Refuse a token that has none of these scopes."""
        if not any(one in self.world.app.scopes for one in scopes):
            raise missing_scope(",".join(scopes), self.world.app.scopes)

    # Arguments. A form has strings only, so what is not text may come as JSON in one.

    def text(self, name: str) -> str | None:
        """Return an argument as text, None if it is not given."""
        value = self.args.get(name)
        return None if value is None or value == "" else value if isinstance(value, str) else json.dumps(value)

    def required(self, name: str) -> str:
        """Return an argument as text."""
        value = self.text(name)
        if value is None:
            raise invalid_arguments(f"missing required field: {name}")
        return value

    def flag(self, name: str) -> bool:
        """Return an argument as a truth value."""
        return str(self.args.get(name, "")).lower() in ("1", "true")

    def number(self, name: str, default: int, most: int) -> int:
        """Return an argument as a number from 1 to `most`."""
        value = str(self.args.get(name) or default)
        if not value.isdigit() or not int(value):
            raise Refusal("invalid_limit")
        return min(int(value), most)

    def json(self, name: str, error: str = "invalid_arguments") -> Any:
        """Return an argument that is an object or a list."""
        value = self.args.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError as wrong:
            raise Refusal(error) from wrong

    # What the arguments name.

    def channel(self, name: str = "channel", *, seen: bool = True) -> Channel:
        """Return the conversation that an argument names; a private one that the bot is not in does not exist for it."""
        given = self.text(name)
        found = self.world.state.channel(given) if given else None
        if found is None or (found.kind != "public" and self.bot.id not in found.members):
            raise Refusal("channel_not_found")
        if seen:
            self.need(READ[found.kind])
        return found

    def readable(self) -> Channel:
        """Return the conversation whose messages the token may read."""
        found = self.channel(seen=False)
        self.need(HISTORY[found.kind])
        if self.bot.id not in found.members:
            raise Refusal("not_in_channel")
        return found

    def writable(self) -> Channel:
        """Return the conversation that may be posted in; a member's id stands for their direct messages."""
        self.need("chat:write")
        member = self.world.state.members.get(self.text("channel") or "")
        if member is not None and member is not self.bot:
            if member.deleted:
                raise Refusal("channel_not_found")
            return open_direct(self.world, self.bot, member)
        found = self.channel(seen=False)
        if found.archived:
            raise Refusal("is_archived")
        if self.bot.id not in found.members and "chat:write.public" not in self.world.app.scopes:
            raise Refusal("not_in_channel")
        return found

    def message(self, channel: Channel, name: str) -> Message:
        """Return the message of a conversation that an argument names."""
        found = channel.messages.get(self.text(name) or "")
        if found is None or found.tombstone:
            raise Refusal("message_not_found")
        return found
