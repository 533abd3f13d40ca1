"""The seed: what an emulated GitHub holds when it starts, as YAML or as pydantic models."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError, field_validator

from app.core.noun import Noun
from app.emulators.github.state import Role
from app.errors import ConfigurationError

DEFAULT_PERMISSIONS = {
    "metadata": "read", "contents": "write", "issues": "write", "pull_requests": "write", "checks": "write",
}
DEFAULT_EVENTS = (
    "issues", "issue_comment", "pull_request", "pull_request_review", "pull_request_review_comment", "push", "repository",
    "check_run", "workflow_run", "check_suite", "status",
)


class SeedUser(Noun):
    """A person or an organization; `token` is the person's own token for the API and for git."""

    login: str
    id: int | None = None
    kind: Literal["User", "Organization"] = "User"
    name: str | None = None
    email: str | None = None
    token: str | None = None


class SeedLabel(Noun):
    """A label of a repository."""

    name: str
    color: str = "ededed"
    description: str | None = None


class SeedIssue(Noun):
    """An issue that is there from the start, and rings no webhook."""

    title: str
    user: str
    body: str | None = None
    labels: tuple[str, ...] = ()


class SeedRepository(Noun):
    """A repository. `content` is a directory (relative to the seed file) whose files make its first commit;
    `files` are further files, name to text. With neither, the repository is empty.
    """

    full_name: str = Field(pattern=r"^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$")
    id: int | None = None
    private: bool = True
    default_branch: str = "main"
    description: str | None = None
    fork_of: str | None = None
    content: Path | None = None
    files: dict[str, str] = {}
    collaborators: dict[str, Role] = {}
    labels: tuple[SeedLabel, ...] = ()
    issues: tuple[SeedIssue, ...] = ()

    @field_validator("labels", mode="before")
    @classmethod
    def _names_alone_will_do(cls, labels: object) -> object:
        if isinstance(labels, list | tuple):
            return tuple({"name": label} if isinstance(label, str) else label for label in labels)
        return labels


class SeedApp(Noun):
    """The App. Its key is `public_key` (PEM), or the public half of `private_key_file`.

    A `private_key_file` that does not exist is written (0600, PEM), so that the seed alone is enough to start.
    With neither, a key is made and kept in memory: `GitHubEmulator.private_key_pem`.
    """

    id: int = 4711
    slug: str = "bellhop"
    name: str = "Bellhop"
    owner: str | None = None
    client_id: str = "Iv23liEmulatedBellhop"
    client_secret: str = "emulated-client-secret"  # noqa: S105 - an invented one, for an emulator
    callback_urls: tuple[str, ...] = ()
    public_key: str | None = None
    private_key_file: Path | None = None
    webhook_secret: str = "emulated-webhook-secret"  # noqa: S105 - an invented one, for an emulator
    webhook_url: str | None = None
    permissions: dict[str, str] = DEFAULT_PERMISSIONS
    events: tuple[str, ...] = DEFAULT_EVENTS


class SeedInstallation(Noun):
    """The App on one account; `repositories` are full names, or `all`. Permissions default to the App's."""

    account: str
    id: int | None = None
    permissions: dict[str, str] | None = None
    repositories: Literal["all"] | tuple[str, ...] = "all"


class Seed(Noun):
    """All that is there at the start. Accounts that are only named somewhere are made on the way:

    a repository's owner as an organization, everybody else as a person with the token `ghp_<login>`.
    `token_lifetime_seconds` and `rate_limit` (requests per hour and identity) are GitHub's own by default. With
    `write_spacing_seconds`, writes of one identity that come closer together than that are refused by a secondary limit.
    """

    app: SeedApp = SeedApp()
    users: tuple[SeedUser, ...] = ()
    repositories: tuple[SeedRepository, ...] = ()
    installations: tuple[SeedInstallation, ...] = ()
    token_lifetime_seconds: float = 3600.0
    rate_limit: int = 5000
    write_spacing_seconds: float = 0.0


def load_seed(path: Path) -> Seed:
    """Read a YAML seed; its relative paths count from its own directory. Raises ConfigurationError with the key."""
    try:
        seed = Seed.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except OSError as error:
        raise ConfigurationError(f"The seed {path} cannot be read ({error.strerror}); give a readable file") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"The seed {path} is not YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"The seed {path} is wrong at {key}: {first['msg']}") from error
    base = path.resolve().parent
    repositories = tuple(
        repo.model_copy(update={"content": base / repo.content}) if repo.content else repo
        for repo in seed.repositories
    )
    app = seed.app
    if app.private_key_file:
        app = app.model_copy(update={"private_key_file": base / app.private_key_file})
    return seed.model_copy(update={"repositories": repositories, "app": app})
