"""One request to the REST API, with who is calling, what they may do, and the shapes of body and answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, ValidationError

from app.emulators.github.problems import (
    Problem,
    bad_credentials,
    not_by_integration,
    not_found,
    requires_authentication,
)
from app.emulators.github.sign_in import UserToken
from app.emulators.github.state import ROLES, App, Repository, Role, Token, User
from app.emulators.github.tokens import allows, check_app_jwt, live_token
from app.emulators.github.world import World

Access = Literal["read", "write"]
Need = tuple[str, Access]

METADATA: Need = ("metadata", "read")


class Body(BaseModel):
    """The base of request bodies: types are not converted, unknown members are ignored, as GitHub does."""

    model_config = ConfigDict(extra="ignore", strict=True)


BodyT = TypeVar("BodyT", bound=Body)
ItemT = TypeVar("ItemT")


@dataclass(frozen=True)
class Answer:
    """A status, a JSON body (None: empty) and headers."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Caller:
    """Who is calling: the App itself, one of its tokens, a person, the App for a person who has signed in, or nobody."""

    app: App | None = None
    token: Token | None = None
    person: User | None = None
    user_token: UserToken | None = None

    @property
    def identity(self) -> str:
        """The name under which requests are counted."""
        if self.token:
            return f"installation ID {self.token.installation.id}"
        if self.user_token:
            return f"user ID {self.user_token.user.id}"
        if self.person:
            return f"user ID {self.person.id}"
        return f"app ID {self.app.id}" if self.app else "127.0.0.1"


class Call:
    """One request. Every method that refuses raises Problem; the dispatcher holds the lock."""

    def __init__(
        self, world: World, caller: Caller, *, params: Mapping[str, Any], query: Mapping[str, str], body: bytes,
        path: str, rate: Mapping[str, int],
    ) -> None:
        self.world = world
        self.caller = caller
        self.params = params
        self.query = query
        self._body = body
        self._path = path
        self.rate = rate
        self.accepted: tuple[Need, ...] = ()

    @property
    def actor(self) -> User:
        """Return the account that acts: a person, or the App's bot."""
        if self.caller.person:
            return self.caller.person
        if self.caller.token:
            return self.world.app.bot
        raise not_by_integration() if self.caller.app or self.caller.user_token else requires_authentication()

    @property
    def via_app(self) -> bool:
        """Whether an App's token does this."""
        return self.caller.token is not None

    def the_app(self) -> App:
        """Return the App, which must call with its own JWT."""
        if self.caller.app is None:
            raise Problem(401, "A JSON web token could not be decoded")
        return self.caller.app

    def the_token(self) -> Token:
        """Return the installation token that calls."""
        if self.caller.token is None:
            raise Problem(403, "You must authenticate with an installation access token in order to "
                          "list repositories for an installation.")
        return self.caller.token

    def the_user(self) -> User:
        """Return the person who calls, or for whom the App calls."""
        if self.caller.user_token:
            return self.caller.user_token.user
        if self.caller.person is None:
            raise not_by_integration() if self.caller.token or self.caller.app else requires_authentication()
        return self.caller.person

    def repository(self, *needs: Need, role: Role = "read") -> Repository:
        """Return the repository of the path if the caller may.

        Of `needs`, an App's token must hold any one (docs.github.com, "Permissions required for GitHub Apps");
        a person must have at least `role`.
        """
        repo = self._named()
        self.accepted = needs
        self.authorize(repo, *needs, role=role)
        return repo

    def authorize(self, repo: Repository, *needs: Need, role: Role = "read") -> None:
        """Refuse as GitHub does: 404 for what may not be known, 401 or 403 for what may not be done."""
        writes = any(access == "write" for _, access in needs)
        public_read = not repo.private and not writes
        caller = self.caller
        if caller.app or caller.user_token:
            raise not_by_integration()
        if caller.token:
            if not caller.token.covers(repo):
                if repo.private:
                    raise not_found()
                if writes:
                    raise not_by_integration()
            elif not public_read and not any(allows(caller.token, *need) for need in needs):
                raise not_by_integration()
        elif caller.person:
            held = repo.role_of(caller.person)
            if held == "none":
                raise not_found()
            if ROLES.index(held) < ROLES.index(role):
                raise Problem(403, f"Must have {role} access to repository.")
        elif repo.private:
            raise not_found()
        elif writes:
            raise requires_authentication()
        if writes and repo.archived:
            raise Problem(403, "Repository was archived so is read-only.")

    def read(self, model: type[BodyT], *, bare_list_as: str | None = None) -> BodyT:
        """Return the request's body as `model`. Raises Problem (400 not JSON, 422 wrong members).

        `bare_list_as` names the member that a list in place of an object stands for.
        """
        try:
            members = json.loads(self._body or b"{}")
        except ValueError as error:
            raise Problem(400, "Problems parsing JSON") from error
        if isinstance(members, list) and bare_list_as:
            members = {bare_list_as: members}
        if not isinstance(members, dict):
            raise Problem(400, "Body should be a JSON object")
        try:
            return model.model_validate(members)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            sentence = f'"{name}" wasn\'t supplied.' if first["type"] == "missing" else f"For '{name}': {first['msg']}."
            raise Problem(422, f"Invalid request.\n\n{sentence}") from error

    def page(self, items: Sequence[ItemT], shape: Callable[[ItemT], Any], *, under: str | None = None) -> Answer:
        """Return one page of a list with its `Link` header; `under` names the member of a counted list."""
        size = min(max(self._number("per_page", 30), 1), 100)
        number = max(self._number("page", 1), 1)
        last = max(1, -(-len(items) // size))
        shapes = [shape(item) for item in items[(number - 1) * size : number * size]]
        links = []
        if number > 1:
            links += [self._link(number - 1, "prev"), self._link(1, "first")]
        if number < last:
            links += [self._link(number + 1, "next"), self._link(last, "last")]
        headers = {"link": ", ".join(links)} if links else {}
        return Answer(200, {"total_count": len(items), under: shapes} if under else shapes, headers)

    def _number(self, name: str, default: int) -> int:
        value = self.query.get(name, "")
        return int(value) if value.isdecimal() else default

    def _link(self, page: int, relation: str) -> str:
        query = urlencode({**self.query, "page": str(page)})
        return f'<{self.world.web_url}{self._path}?{query}>; rel="{relation}"'

    def _named(self) -> Repository:
        state = self.world.state
        if "repo_id" in self.params:
            repo = state.repositories.get(self.params["repo_id"])
        else:
            name = f"{self.params['owner']}/{self.params['repo']}"
            repo = state.repository(name)
            if repo is None and name.lower() in state.moved:
                raise self._moved(state.moved[name.lower()], name)
        if repo is None:
            raise not_found()
        return repo

    def _moved(self, repo_id: int, name: str) -> Problem:
        rest = self._path.split(f"/repos/{name}", 1)[-1]
        query = f"?{urlencode(self.query)}" if self.query else ""
        url = f"{self.world.api_url}/repositories/{repo_id}{rest}{query}"
        docs = "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects"
        # The dispatcher makes a 307 of it when the method is not GET or HEAD.
        return Problem(301, "Moved Permanently", docs=docs, headers={"location": url}, url=url)


def caller_of(world: World, scheme: str, secret: str) -> Caller:
    """Return who holds `secret` (`scheme` is the lower-case word before it). Raises Problem (401, 403, 404)."""
    if not secret:
        return Caller()
    if secret.startswith("ghs_"):
        return Caller(token=live_token(world, secret))
    if secret.startswith("ghu_"):
        found = world.authorizations.live(secret, world.now())
        if found is None:
            raise bad_credentials()
        return Caller(user_token=found)
    if scheme == "bearer" and secret.count(".") == 2:
        return Caller(app=check_app_jwt(world, secret))
    person = world.state.person_of(secret)
    if person is None:
        raise bad_credentials()
    return Caller(person=person)
