"""What the emulated Slack knows: plain mutable records, and the one place that finds them and numbers them.

Everything here is guarded by `World.lock`; nothing here does I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any, Literal

Json = dict[str, Any]
Kind = Literal["public", "private", "im", "mpim"]


@dataclass
class Team:
    """A workspace."""

    id: str
    name: str
    domain: str


@dataclass
class Member:
    """A person or a bot of one workspace, known for good by its id; a bot has a `bot_id` and an `app_id` too."""

    id: str
    team: Team
    name: str
    real_name: str
    display_name: str
    email: str | None
    deleted: bool = False
    is_admin: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    bot_id: str | None = None
    app_id: str | None = None
    updated: int = 0

    @property
    def is_bot(self) -> bool:
        """Whether no person stands behind it."""
        return self.bot_id is not None


@dataclass
class File:
    """A file; `content` is None until it has been uploaded, `channels` are those that it is shared in."""

    id: str
    name: str
    title: str
    user: Member
    created: int
    size: int
    content: bytes | None = None
    snippet_type: str | None = None
    channels: list[str] = field(default_factory=list)


@dataclass
class Message:
    """A message; `sent` is what its author asked for besides (`unfurl_links`, `mrkdwn`, `parse`, ...), as it came.

    `texts` are all it has ever said, the newest last; `thread_ts` is its thread's first message; one that is gone but has
    replies is a `tombstone`.
    """

    ts: str
    channel: Channel
    user: Member
    text: str
    thread_ts: str | None = None
    blocks: list[Json] | None = None
    attachments: list[Json] | None = None
    metadata: Json | None = None
    subtype: str | None = None
    client_msg_id: str | None = None
    files: list[File] = field(default_factory=list)
    reactions: dict[str, list[str]] = field(default_factory=dict)
    edited: tuple[str, str] | None = None
    sent: Json = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    ephemeral_to: Member | None = None
    tombstone: bool = False


@dataclass
class Channel:
    """A conversation; `shared_with` are other workspaces, `messages` go by their ts, oldest first."""

    id: str
    name: str
    kind: Kind
    team: Team
    creator: Member
    created: int
    members: list[str] = field(default_factory=list)
    shared_with: list[Team] = field(default_factory=list)
    archived: bool = False
    messages: dict[str, Message] = field(default_factory=dict)

    def replies(self, thread_ts: str) -> list[Message]:
        """Return the messages of a thread after its first, oldest first."""
        return [one for one in self.messages.values() if one.thread_ts == thread_ts and one.ts != thread_ts]


@dataclass
class View:
    """A modal, as one person has it open; `body` is what the App gave, `values` what stands in its inputs."""

    id: str
    user: Member
    body: Json
    hash: str
    values: Json = field(default_factory=dict)
    errors: Json = field(default_factory=dict)
    closed: bool = False


@dataclass
class Trigger:
    """A `trigger_id`, with which one modal may be opened, soon."""

    user: Member
    until: datetime
    used: bool = False


@dataclass
class ResponseUrl:
    """A `response_url`; `message` is the one that it may replace."""

    user: Member
    channel: Channel
    until: datetime
    message: Message | None = None
    left: int = 5


@dataclass
class App:
    """The App under test, installed in one workspace; `commands` are the slash commands that it has, with their `/`."""

    id: str
    name: str
    bot: Member
    signing_secret: str
    verification_token: str
    bot_token: str
    app_token: str
    scopes: list[str]
    app_scopes: list[str]
    events: list[str]
    commands: list[str]
    shortcuts: list[str]
    escapes_commands: bool
    request_url: str | None = None
    interactivity_url: str | None = None
    commands_url: str | None = None
    socket_mode: bool = False
    uninstalled: bool = False


class State:
    """All records. Finders return None for what is not there."""

    def __init__(self) -> None:
        self.teams: dict[str, Team] = {}
        self.members: dict[str, Member] = {}
        self.channels: dict[str, Channel] = {}
        self.files: dict[str, File] = {}
        self.ephemeral: list[Message] = []
        self.views: dict[str, View] = {}
        self.triggers: dict[str, Trigger] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self.app: App | None = None
        self._numbers = count(1)
        self._last_micros = 0

    def new_id(self, letter: str) -> str:
        """Return an id nobody has yet, such as `C0000000007`."""
        return f"{letter}0EMU{next(self._numbers):06d}"

    def new_ts(self, now: datetime) -> str:
        """Return a timestamp for a message, later than all before it: seconds, a dot, six digits."""
        micros = max(int(now.timestamp()) * 1_000_000, self._last_micros + 100)
        self._last_micros = micros
        return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"

    def member(self, name: str) -> Member | None:
        """Return a member by id or by name."""
        found = self.members.get(name)
        return found or next((one for one in self.members.values() if one.name == name), None)

    def channel(self, name: str) -> Channel | None:
        """Return a conversation by id or by name, with `#` or without."""
        found = self.channels.get(name)
        named = name.removeprefix("#")
        return found or next((one for one in self.channels.values() if one.kind != "im" and one.name == named), None)

    def direct(self, one: Member, other: Member) -> Channel | None:
        """Return the direct messages of two."""
        return next(
            (found for found in self.channels.values() if found.kind == "im" and set(found.members) == {one.id, other.id}), None
        )
