"""Who calls: personal keys and OAuth access tokens, looked up and never guessed.

https://linear.app/developers/graphql#authentication: a key stands bare in `Authorization`, an access token after `Bearer`.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.emulators.linear.limits import API_KEY, OAUTH, Budget
from app.emulators.linear.problems import lacks_scope, unauthenticated
from app.emulators.linear.state import AccessToken, Team, User
from app.emulators.linear.world import World


@dataclass(frozen=True)
class Caller:
    """A person with their key, or an access token's user. `team_ids` None means all."""

    user: User
    scopes: frozenset[str]
    budget: Budget
    team_ids: frozenset[str] | None = None

    @property
    def identity(self) -> str:
        """The name under which requests are counted: every key of one person shares a budget."""
        return self.user.id

    def sees(self, team: Team) -> bool:
        """Return whether what is in a team exists for this caller."""
        return self.team_ids is None or team.id in self.team_ids

    def must_have(self, *scopes: str) -> None:
        """Raise Problem (403) unless one of these scopes was granted; the first is named."""
        if not self.scopes & {*scopes, "admin"}:
            raise lacks_scope(scopes[0])


def caller_of(world: World, header: str | None) -> Caller:
    """Return who sent an `Authorization` header. Raises Problem (401)."""
    scheme, _, secret = (header or "").strip().partition(" ")
    if not secret:
        person = next((one for one in world.state.users.values() if one.api_key and one.api_key == scheme), None)
        if person is None or not person.active:
            raise unauthenticated()
        return Caller(person, frozenset({"read", "write"} | ({"admin"} if person.admin else set())), API_KEY)
    token = world.state.access_tokens.get(secret.strip()) if scheme.lower() == "bearer" else None
    if token is None or not is_live(world, token):
        raise unauthenticated()
    teams = world.client.team_ids if token.user.app else None
    return Caller(token.user, token.scopes, OAUTH, None if teams is None else frozenset(teams))


def is_live(world: World, token: AccessToken) -> bool:
    """Return whether a token is unrevoked, unexpired, and of an app that is still installed."""
    installed = world.client.installed or not token.user.app
    return installed and token.user.active and not token.revoked and token.expires_at > world.now()
