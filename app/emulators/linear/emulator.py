"""The emulated Linear as one object: its people, its operator's switches, and what a test asks it afterwards."""

from __future__ import annotations

from datetime import UTC, datetime
from types import TracebackType

from starlette.types import ASGIApp

from app.emulators.github.faults import Fault, Faults
from app.emulators.linear import comments, plant, sessions
from app.emulators.linear.asgi import asgi_app
from app.emulators.linear.deliveries import DELIVERY_TIMEOUT_SECONDS, Deliveries, Delivery
from app.emulators.linear.limits import Limits
from app.emulators.linear.person import Person, issue_named
from app.emulators.linear.seed import Seed, SeedUser
from app.emulators.linear.state import Activity, AgentSession, Attachment, Comment, Issue, SessionStatus, User
from app.emulators.linear.webhooks import tell_revoked, tell_team_access
from app.emulators.linear.world import Clock, World


def wall_clock() -> datetime:
    """Return the time now, UTC."""
    return datetime.now(UTC)


class LinearEmulator:
    """A stateful, strict model of Linear. Serve it with `app.emulators.linear.serve`; use it as a context manager.

    `now` replaces the clock: for expiry, stale sessions and retries. `delivery_timeout_seconds` is Linear's own deadline.
    Raises ConfigurationError for a seed that contradicts itself.
    """

    def __init__(
        self, seed: Seed | None = None, *, now: Clock = wall_clock, delivery_timeout_seconds: float = DELIVERY_TIMEOUT_SECONDS
    ) -> None:
        seed = seed or Seed()
        state, client, webhook = plant.plant(seed, now())
        deliveries = Deliveries(timeout_seconds=delivery_timeout_seconds, fresh_retries=seed.retries == "new")
        self.seed = seed
        self.world = World(state, client, webhook, now=now, deliveries=deliveries, limits=Limits(seed.limits))

    def __enter__(self) -> LinearEmulator:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop sending deliveries."""
        self.world.deliveries.close()

    # Who and what is there.

    @property
    def url(self) -> str:
        """The base URL of the API, of OAuth and of pages."""
        return self.world.base_url

    @property
    def graphql_url(self) -> str:
        """Where the API is."""
        return f"{self.world.base_url}/graphql"

    @property
    def app_user(self) -> User:
        """The app's own user."""
        return self.world.client.user

    @property
    def faults(self) -> Faults:
        """The misbehaviour still to come."""
        return self.world.faults

    def person(self, name: str, *, admin: bool = False) -> Person:
        """Return a person at work; one that is not there yet is made."""
        with self.world.lock:
            user = self.world.state.user_named(name) or plant.add_user(self.world.state, SeedUser(name=name, admin=admin), self.world.now())
        if user.app:
            raise LookupError(f"{name} is the app's own user, and speaks over the API")
        return Person(self.world, user)

    def issue(self, name: str) -> Issue:
        """Return an issue by id or identifier. Raises LookupError."""
        with self.world.lock:
            return issue_named(self.world, name)

    # What an admin or an operator changes.

    def set_webhook_url(self, url: str | None) -> None:
        """Send deliveries there from now on."""
        with self.world.lock:
            self.world.webhook.url = url

    def set_active(self, name: str, *, active: bool) -> None:
        """Suspend a person, or lift that: their key and tokens stop working."""
        person = self.person(name)
        with self.world.lock:
            person.user.active, person.user.updated_at = active, self.world.now()

    def set_app_teams(self, *keys: str) -> None:
        """Let the app see these teams only (`PermissionChange`); none named means all."""
        with self.world.lock:
            state, client = self.world.state, self.world.client
            before = set(state.teams) if client.team_ids is None else client.team_ids
            after = {team.id for key in keys if (team := state.team_named(key))} if keys else set(state.teams)
            client.team_ids = after if keys else None
            tell_team_access(self.world, [state.teams[one] for one in after - before], [state.teams[one] for one in before - after])

    def revoke_app(self) -> None:
        """Remove the app from the workspace (`OAuthApp` revoked): its tokens stop working."""
        with self.world.lock:
            tell_revoked(self.world)
            self.world.client.installed = False
            for token in self.world.state.access_tokens.values():
                token.revoked = token.revoked or token.user.app

    def comment_by_integration(self, service: str, issue: str, body: str) -> Comment:
        """Have another program, such as `slack`, bring a comment in (`Comment` create with an integration for an actor)."""
        with self.world.lock:
            return comments.write_as_integration(self.world, service, issue_named(self.world, issue), body)

    def fault(self, fault: Fault) -> None:
        """Misbehave once more: see `Fault`."""
        self.world.faults.add(fault)

    def tick(self) -> list[Delivery]:
        """Send the retries whose time has come by the emulator's clock, and return them."""
        return self.world.deliveries.send_due(self.world.now())

    # What a test asks afterwards.

    def comments(self, issue: str) -> list[Comment]:
        """Return an issue's comments, oldest first."""
        with self.world.lock:
            return self.world.state.comments_of(issue_named(self.world, issue))

    def attachments(self, issue: str) -> list[Attachment]:
        """Return an issue's attachments, oldest first."""
        found = self.issue(issue)
        with self.world.lock:
            return [one for one in self.world.state.attachments.values() if one.issue is found]

    def sessions(self, issue: str | None = None) -> list[AgentSession]:
        """Return the agent sessions, all or an issue's, oldest first."""
        found = None if issue is None else self.issue(issue)
        with self.world.lock:
            return [one for one in self.world.state.sessions.values() if found is None or one.issue is found]

    def activities(self, session: AgentSession) -> list[Activity]:
        """Return what was said in a session, oldest first."""
        with self.world.lock:
            return list(session.activities)

    def status(self, session: AgentSession) -> SessionStatus:
        """Return what a session is now, by the emulator's clock."""
        with self.world.lock:
            return sessions.status_of(session, self.world.now())

    def unresponsive(self, session: AgentSession) -> bool:
        """Return whether the app let 10 s go by before it showed anything in a session."""
        with self.world.lock:
            return sessions.is_unresponsive(session, self.world.now())

    @property
    def deliveries(self) -> list[Delivery]:
        """The log of webhook deliveries, oldest first; some may be under way."""
        return list(self.world.deliveries.log)

    def wait_for_deliveries(self, timeout_seconds: float = 10.0) -> list[Delivery]:
        """Return the log once nothing is under way. Raises TimeoutError."""
        return self.world.deliveries.wait(timeout_seconds)

    def redeliver(self, delivery_id: str) -> Delivery:
        """Send a delivery once more, under the same id. Raises KeyError."""
        return self.world.deliveries.redeliver(delivery_id, self.world.now())


def create_app(emulator: LinearEmulator) -> ASGIApp:
    """Return the emulator as an ASGI application; whoever serves it sets `emulator.world.base_url`."""
    return asgi_app(emulator.world, emulator.seed.access_token_lifetime_seconds)
