"""The emulated GitHub as one object: its people, its operator's switches, and what a test asks it afterwards."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal

from starlette.types import ASGIApp

from app.emulators.github import plant, store, trees
from app.emulators.github.asgi import asgi_app
from app.emulators.github.deliveries import Deliveries, Delivery
from app.emulators.github.faults import Fault, Faults
from app.emulators.github.person import Person, issue_numbered, repository_named
from app.emulators.github.seed import Seed, SeedInstallation, SeedRepository, SeedUser
from app.emulators.github.sign_in import UserToken
from app.emulators.github.state import App, Comment, Installation, Issue, Repository, Role, Token, User, WorkflowRun
from app.emulators.github.tokens import is_live
from app.emulators.github.webhooks import tell, tell_coverage, tell_installation
from app.emulators.github.world import Clock, World


def wall_clock() -> datetime:
    """Return the time now, UTC."""
    return datetime.now(UTC)


class GitHubEmulator:
    """A stateful, strict model of GitHub. Serve it with `app.emulators.github.serve`; use it as a context manager.

    `directory` holds the bare git repositories and must be empty. `now` replaces the clock, for expiry.
    `webhook_threads` is how many deliveries are under way at once (one: in order).
    Raises ConfigurationError for a seed that contradicts itself.
    """

    def __init__(
        self, directory: Path, seed: Seed | None = None, *, now: Clock = wall_clock, webhook_threads: int = 1
    ) -> None:
        seed = seed or Seed()
        self.world = World(
            directory, now=now, deliveries=Deliveries(webhook_threads),
            token_lifetime_seconds=seed.token_lifetime_seconds, rate_limit=seed.rate_limit,
            write_spacing_seconds=seed.write_spacing_seconds,
        )
        directory.mkdir(parents=True, exist_ok=True)
        self.private_key_pem = plant.plant(self.world, seed)

    def __enter__(self) -> GitHubEmulator:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop sending deliveries; what is on disk stays."""
        self.world.deliveries.close()

    def describe(self) -> list[str]:
        """Return what a person who starts it stand-alone wants to know; no secret is in it."""
        app = self.world.app
        return [
            f"GitHub emulator at {self.world.web_url} (REST at {self.world.api_url})",
            f"App {app.id} ({app.slug}), webhooks to {app.webhook_url or 'nowhere: set app.webhook_url in the seed'}",
            *(f"Repository {repo.full_name} (id {repo.id})" for repo in self.world.state.repositories.values()),
            *(f"Installation {one.id} on {one.account.login}" for one in self.world.state.installations.values()),
        ]

    # Who and what is there.

    @property
    def app(self) -> App:
        """The App under test."""
        return self.world.app

    @property
    def web_url(self) -> str:
        """The base URL of pages and git."""
        return self.world.web_url

    @property
    def api_url(self) -> str:
        """The base URL of the REST API."""
        return self.world.api_url

    @property
    def faults(self) -> Faults:
        """The misbehaviour still to come."""
        return self.world.faults

    def person(self, login: str) -> Person:
        """Return a person at work; one that is not there yet is made. Raises LookupError for an organization."""
        with self.world.lock:
            user = self.world.state.user(login) or plant.add_user(self.world, SeedUser(login=login))
        if user.kind == "Organization":
            raise LookupError(f"{login} is an organization, and does nothing by itself")
        return Person(self.world, user)

    def repository(self, full_name: str) -> Repository:
        """Return a repository. Raises LookupError."""
        with self.world.lock:
            return repository_named(self.world, full_name)

    # What an owner or an operator changes.

    def add_user(self, seed: SeedUser) -> User:
        """Make an account."""
        with self.world.lock:
            return plant.add_user(self.world, seed)

    def add_repository(self, seed: SeedRepository) -> Repository:
        """Make a repository."""
        with self.world.lock:
            return plant.add_repository(self.world, seed)

    def install(self, seed: SeedInstallation) -> Installation:
        """Install the App on an account (`installation.created`)."""
        with self.world.lock:
            found = plant.install(self.world, seed)
            tell_installation(self.world, "created", found, self.world.app.owner)
            return found

    def uninstall(self, installation_id: int) -> None:
        """Remove the App from an account: its tokens stop working (`installation.deleted`)."""
        with self.world.lock:
            found = self.world.state.installations.pop(installation_id)
            tell_installation(self.world, "deleted", found, self.world.app.owner)

    def suspend(self, installation_id: int, *, suspended: bool = True) -> None:
        """Suspend an installation, or lift that (`installation.suspend`, `installation.unsuspend`)."""
        with self.world.lock:
            found = self.world.state.installations[installation_id]
            found.suspended_at = self.world.now() if suspended else None
            tell_installation(self.world, "suspend" if suspended else "unsuspend", found, self.world.app.owner)

    def cover(self, installation_id: int, full_name: str, *, covered: bool = True) -> None:
        """Choose one more repository for an installation, or one less (`installation_repositories`)."""
        with self.world.lock:
            found, repo = self.world.state.installations[installation_id], repository_named(self.world, full_name)
            chosen = found.repository_ids
            if chosen is None:
                chosen = {one.id for one in self.world.state.repositories.values() if found.covers(one)}
            found.repository_ids = chosen | {repo.id} if covered else chosen - {repo.id}
            tell_coverage(self.world, found, self.world.app.owner, repo, covered=covered)

    def set_installation_permissions(self, installation_id: int, permissions: dict[str, str]) -> None:
        """Change what an installation may; tokens that are out lose at once what is gone."""
        with self.world.lock:
            self.world.state.installations[installation_id].permissions = {"metadata": "read", **permissions}

    def set_role(self, full_name: str, login: str, role: Role) -> None:
        """Make somebody a collaborator, or `none`."""
        person = self.person(login)
        with self.world.lock:
            repository_named(self.world, full_name).collaborators[person.user.id] = role

    def protect(self, full_name: str, *contexts: str, auto_merge: bool = True) -> None:
        """Require these statuses or checks before anything is merged by itself, which is allowed or not."""
        with self.world.lock:
            repo = repository_named(self.world, full_name)
            repo.required_contexts, repo.allow_auto_merge = contexts, auto_merge

    def set_webhook_url(self, url: str | None) -> None:
        """Send deliveries there from now on."""
        with self.world.lock:
            self.world.app.webhook_url = url

    def set_callback_urls(self, *urls: str) -> None:
        """Let browsers go back to these addresses, and to no other, after somebody has signed in."""
        with self.world.lock:
            self.world.app.callback_urls = urls

    def rename_repository(self, full_name: str, name: str) -> None:
        """Rename a repository; the old name redirects, for REST and for git (`repository.renamed`)."""
        with self.world.lock:
            repo = repository_named(self.world, full_name)
            before, self.world.state.moved[repo.full_name.lower()] = repo.name, repo.id
            repo.name = name
            tell(self.world, "repository", "renamed", repo, self.world.app.owner, {"changes": {"repository": {"name": {"from": before}}}})

    def rename_user(self, login: str, new_login: str) -> None:
        """Rename an account: the id stays, and somebody else may take the old login."""
        with self.world.lock:
            user = self.world.state.user(login)
            if user is None or self.world.state.user(new_login) is not None:
                raise LookupError(f"{login} is not there, or {new_login} is taken")
            user.login = new_login

    def archive(self, full_name: str, *, archived: bool = True) -> None:
        """Make a repository read-only, or lift that (`repository.archived`, `repository.unarchived`)."""
        with self.world.lock:
            repo = repository_named(self.world, full_name)
            repo.archived = archived
            tell(self.world, "repository", "archived" if archived else "unarchived", repo, self.world.app.owner, {})

    def fault(self, fault: Fault) -> None:
        """Misbehave once more: see `Fault`."""
        self.world.faults.add(fault)

    # What a test asks afterwards.

    def branches(self, full_name: str) -> dict[str, str]:
        """Return branch -> commit."""
        repo = self.repository(full_name)
        return {ref.removeprefix("refs/heads/"): sha for ref, sha in store.refs(repo.path).items()}

    def commit(self, full_name: str, revision: str) -> store.Commit:
        """Return the commit that a branch or an id names. Raises LookupError."""
        repo = self.repository(full_name)
        sha = store.resolve(repo.path, revision)
        if sha is None:
            raise LookupError(f"{full_name} has no commit {revision}")
        return store.read_commit(repo.path, sha)

    def read(self, full_name: str, revision: str, name: str) -> str:
        """Return a file's text at a branch or commit. Raises LookupError."""
        repo = self.repository(full_name)
        found = trees.entries(repo.path, self.commit(full_name, revision).sha, name)
        if len(found) != 1 or found[0].path != name:
            raise LookupError(f"{full_name} has no file {name} at {revision}")
        return trees.blob(repo.path, found[0].sha).decode()

    def issue(self, full_name: str, number: int) -> Issue:
        """Return an issue or a pull request. Raises LookupError."""
        with self.world.lock:
            return issue_numbered(self.world, full_name, number)

    def pull_requests(self, full_name: str, state: Literal["open", "closed", "all"] = "all") -> list[Issue]:
        """Return the pull requests, oldest first; `.pull` of each is set."""
        with self.world.lock:
            found = repository_named(self.world, full_name).issues.values()
            return [one for one in found if one.pull and state in ("all", one.state)]

    def comments(self, full_name: str, number: int) -> list[Comment]:
        """Return the comments of an issue or a pull request, oldest first."""
        with self.world.lock:
            return list(issue_numbered(self.world, full_name, number).comments)

    def workflow_runs(self, full_name: str) -> list[WorkflowRun]:
        """Return the workflow runs that have begun, oldest first."""
        return list(self.repository(full_name).workflow_runs)

    def live_tokens(self) -> list[Token]:
        """Return the installation tokens that work now: unrevoked, unexpired, of an installation that is there."""
        with self.world.lock:
            return [token for token in self.world.state.tokens.values() if is_live(self.world, token)]

    def user_tokens(self) -> list[UserToken]:
        """Return the tokens of people who have signed in to the App that are not revoked."""
        with self.world.lock:
            return list(self.world.authorizations.tokens.values())

    @property
    def deliveries(self) -> list[Delivery]:
        """The log of webhook deliveries, oldest first; some may be pending."""
        return list(self.world.deliveries.log)

    def wait_for_deliveries(self, timeout_seconds: float = 10.0) -> list[Delivery]:
        """Return the log once nothing is pending. Raises TimeoutError."""
        return self.world.deliveries.wait(timeout_seconds)

    def redeliver(self, guid: str) -> Delivery:
        """Send a delivery once more, with the same GUID, to the webhook URL of now. Raises KeyError."""
        return self.world.deliveries.redeliver(guid, self.world.now(), self.world.app.webhook_url)


def create_app(emulator: GitHubEmulator) -> ASGIApp:
    """Return the emulator as an ASGI application; whoever serves it sets `emulator.world.web_url`."""
    return asgi_app(emulator.world)
