"""The emulated Slack as one object: its people, its operator's switches, and what a test asks it afterwards."""

from __future__ import annotations

from datetime import UTC, datetime
from types import TracebackType

from starlette.types import ASGIApp

from app.emulators.github.faults import Fault, Faults
from app.emulators.slack import events, plant
from app.emulators.slack.asgi import asgi_app
from app.emulators.slack.blocks import texts
from app.emulators.slack.deliveries import DEADLINE_SECONDS, RETRY_WAITS_SECONDS, Deliveries, Delivery, Target
from app.emulators.slack.limits import Limits
from app.emulators.slack.person import Person
from app.emulators.slack.seed import Seed, SeedChannel, SeedMember
from app.emulators.slack.sockets import Sockets
from app.emulators.slack.state import App, Channel, Member, Message
from app.emulators.slack.typed import pings
from app.emulators.slack.world import Clock, World


def wall_clock() -> datetime:
    """Return the time now, UTC."""
    return datetime.now(UTC)


class SlackEmulator:
    """A stateful, strict model of Slack. Serve it with `app.emulators.slack.serve`; use it as a context manager.

    `now` replaces the clock, for what expires and for timestamps (a real App refuses a signature of another time than its own).
    `retry_waits_seconds` are the waits before the retries of an event; `retry_now()` does not wait for them.
    Raises ConfigurationError for a seed that contradicts itself.
    """

    def __init__(
        self, seed: Seed | None = None, *, now: Clock = wall_clock, threads: int = 1,
        deadline_seconds: float = DEADLINE_SECONDS, retry_waits_seconds: tuple[float, ...] = RETRY_WAITS_SECONDS,
    ) -> None:
        seed = seed or Seed()
        sockets = Sockets()
        deliveries = Deliveries(
            sockets, now, threads=threads, deadline_seconds=deadline_seconds, retry_waits_seconds=retry_waits_seconds,
        )
        self.world = World(now=now, deliveries=deliveries, sockets=sockets, limits=Limits(seed.channel_seconds))
        plant.plant(self.world, seed)

    def __enter__(self) -> SlackEmulator:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Deliver nothing more."""
        self.world.deliveries.close()

    def describe(self) -> list[str]:
        """Return what a person who starts it stand-alone wants to know; no secret is in it."""
        app, world = self.app, self.world
        where = "by Socket Mode" if app.socket_mode else f"to {app.request_url or 'nowhere: set app.request_url in the seed'}"
        return [
            f"Slack emulator at {world.web_url} (Web API at {world.api_url})",
            f"App {app.id} ({app.name}) in workspace {world.team.id}, its bot {app.bot.name} is {app.bot.id}, events {where}",
            *(f"Channel #{one.name} is {one.id}" for one in world.state.channels.values() if one.kind != "im"),
            *(f"Person {one.name} is {one.id} of {one.team.id}" for one in world.state.members.values() if not one.is_bot),
        ]

    # Who and what is there.

    @property
    def app(self) -> App:
        """The App under test."""
        return self.world.app

    @property
    def api_url(self) -> str:
        """The base URL of the Web API, as slack_sdk takes it: with a slash at the end."""
        return self.world.api_url

    @property
    def faults(self) -> Faults:
        """The misbehaviour still to come."""
        return self.world.faults

    @property
    def sockets(self) -> Sockets:
        """The App's Socket Mode connections."""
        return self.world.sockets

    def person(self, name: str) -> Person:
        """Return a person (or another App's bot) at work, by name or id; one that is not there yet is made, and is in no channel."""
        with self.world.lock:
            return Person(self.world, self.world.state.member(name) or plant.add_member(self.world, SeedMember(name=name)))

    def channel(self, name: str) -> Channel:
        """Return a conversation by name or id. Raises LookupError."""
        with self.world.lock:
            return self.world.named_channel(name)

    def direct(self, name: str) -> Channel:
        """Return the direct messages of somebody and the App's bot. Raises LookupError where there are none."""
        with self.world.lock:
            found = self.world.state.direct(self.world.named_member(name), self.app.bot)
        if found is None:
            raise LookupError(f"{name} and {self.app.bot.name} have not written to one another")
        return found

    # What an owner or an operator changes.

    def add_member(self, seed: SeedMember) -> Member:
        """Make an account."""
        with self.world.lock:
            return plant.add_member(self.world, seed)

    def add_channel(self, seed: SeedChannel) -> Channel:
        """Make a channel."""
        with self.world.lock:
            return plant.add_channel(self.world, seed)

    def archive(self, channel: str, *, archived: bool = True) -> None:
        """Archive a channel, or bring it back."""
        with self.world.lock:
            self.world.named_channel(channel).archived = archived

    def deactivate(self, name: str, *, deactivated: bool = True) -> None:
        """Deactivate an account, or bring it back (`user_change`)."""
        self.change(name, deleted=deactivated)

    def change(self, name: str, **members: object) -> None:
        """Change what an account is: `display_name`, `email`, `is_restricted`, ... (`user_change`). Raises LookupError."""
        with self.world.lock:
            found = self.world.named_member(name)
            for key, value in members.items():
                if not hasattr(found, key) or key in ("id", "team"):
                    raise LookupError(f"an account has no {key} that changes")
                setattr(found, key, value)
            found.updated = self.world.seconds
            events.user_changed(self.world, found)

    def set_urls(self, url: str | None) -> None:
        """Send events, interactions and commands there from now on."""
        with self.world.lock:
            self.app.request_url = self.app.interactivity_url = self.app.commands_url = url

    def verify_request_url(self) -> Delivery:
        """Ask the App to prove its request URL, as Slack does when it is typed in (`url_verification`); it must answer with the challenge."""
        with self.world.lock:
            payload = {"token": self.app.verification_token, "challenge": self.world.state.new_id("ch"), "type": "url_verification"}
            return self.world.deliveries.send(events.target(self.world), "url_verification", "url_verification", payload)

    def check_certificate(self) -> Delivery:
        """Look whether the App's certificate holds, as Slack does now and then with a command's URL (`ssl_check`)."""
        with self.world.lock:
            app = self.app
            payload = {"ssl_check": "1", "token": app.verification_token}
            return self.world.deliveries.send(Target(app.commands_url, app.signing_secret), "command", "ssl_check", payload)

    def limit_events(self) -> Delivery:
        """Tell the App that it was told too much (`app_rate_limited`); it goes on being told."""
        with self.world.lock:
            return events.limited(self.world)

    def uninstall(self) -> None:
        """Remove the App: its tokens stop working (`tokens_revoked`, `app_uninstalled`)."""
        with self.world.lock:
            events.revoked(self.world)
            self.app.uninstalled = True

    def fault(self, fault: Fault) -> None:
        """Misbehave once more: see `Fault`; its `path` is such as `/api/chat.postMessage`."""
        self.world.faults.add(fault)

    def throttle(self, method: str, retry_after_seconds: int = 1, *, times: int = 1, channel: str | None = None) -> None:
        """Answer the next `times` calls of a method (in one channel, by its id) with 429."""
        with self.world.lock:
            self.world.limits.throttle(method, retry_after_seconds, times=times, channel=channel)

    # What a test asks afterwards.

    def messages(self, channel: str, thread_ts: str | None = None) -> list[Message]:
        """Return what stands in a conversation, oldest first; with `thread_ts`, a thread with its first message."""
        with self.world.lock:
            found = self.world.named_channel(channel).messages.values()
            return [one for one in found if thread_ts is None or thread_ts in (one.ts, one.thread_ts)]

    def pings(self, message: Message) -> list[str]:
        """Return whom a message calls, in its text or its blocks: `@U...`, `!channel`, ...; `parse` and `link_names` count too."""
        found = pings(message.text, *texts(message.blocks))
        if message.sent.get("parse") == "full" or message.sent.get("link_names"):
            found += [f"!{one}" for one in ("channel", "here", "everyone") if f"@{one}" in message.text]
        return found

    @property
    def deliveries(self) -> list[Delivery]:
        """The log of what the App was told, oldest first; some may be pending."""
        return list(self.world.deliveries.log)

    def wait_for_deliveries(self, timeout_seconds: float = 10.0) -> list[Delivery]:
        """Return the log once nothing is pending. Raises TimeoutError."""
        return self.world.deliveries.wait(timeout_seconds)

    def retry_now(self) -> None:
        """Make the retries that are waited for at once."""
        self.world.deliveries.hurry()

    def send_again(self, delivery: Delivery, retry_num: int, reason: str = "http_timeout") -> None:
        """Retry an event that was taken, with the same `event_id`, as Slack does when the answer came too late to it."""
        self.world.deliveries.send_again(delivery, retry_num, reason)


def create_app(emulator: SlackEmulator) -> ASGIApp:
    """Return the emulator as an ASGI application; whoever serves it sets `emulator.world.web_url`."""
    return asgi_app(emulator.world)
