"""What every part of the emulator shares: the records, one lock, a clock, the base URL and who carries what the App is told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from app.emulators.github.faults import Faults
from app.emulators.slack.deliveries import Deliveries
from app.emulators.slack.limits import Limits
from app.emulators.slack.sockets import Sockets
from app.emulators.slack.state import App, Channel, Member, State, Team

Clock = Callable[[], datetime]


class World:
    """The emulated Slack as one value; whoever reads or writes `state` holds `lock`."""

    def __init__(self, *, now: Clock, deliveries: Deliveries, sockets: Sockets, limits: Limits) -> None:
        self.now = now
        self.deliveries = deliveries
        self.sockets = sockets
        self.limits = limits
        self.state = State()
        self.faults = Faults()
        self.lock = threading.RLock()
        self.web_url = "http://slack.invalid"

    @property
    def api_url(self) -> str:
        """Where the Web API is, with a slash at the end."""
        return f"{self.web_url}/api/"

    @property
    def app(self) -> App:
        """The App under test."""
        app = self.state.app
        if app is None:
            raise LookupError("this emulated Slack was started without an App")
        return app

    @property
    def team(self) -> Team:
        """The workspace that the App is installed in."""
        return self.app.bot.team

    @property
    def seconds(self) -> int:
        """The time now, in whole seconds."""
        return int(self.now().timestamp())

    def new_ts(self) -> str:
        """Return a timestamp for a message."""
        return self.state.new_ts(self.now())

    def named_member(self, name: str) -> Member:
        """Return a member by id or name. Raises LookupError."""
        found = self.state.member(name)
        if found is None:
            raise LookupError(f"this emulated Slack has no member {name}")
        return found

    def named_channel(self, name: str) -> Channel:
        """Return a conversation by id or name. Raises LookupError."""
        found = self.state.channel(name)
        if found is None:
            raise LookupError(f"this emulated Slack has no channel {name}")
        return found

    def is_external(self, channel: Channel) -> bool:
        """Whether members of another workspace are in a conversation."""
        return bool(channel.shared_with) or any(self.state.members[one].team is not channel.team for one in channel.members)
