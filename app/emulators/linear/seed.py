"""The seed: what an emulated Linear holds when it starts, as YAML or as pydantic models."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError

from app.core.noun import Noun
from app.emulators.linear.state import StateType
from app.errors import ConfigurationError

DEFAULT_RESOURCE_TYPES = ("Issue", "Comment", "AgentSessionEvent", "AppUserNotification", "PermissionChange", "OAuthApp")
AGENT_SCOPES = ("read", "write", "app:assignable", "app:mentionable")


class SeedUser(Noun):
    """A person; `name` is the display name that mentions use, `api_key` the personal key (`lin_api_<name>` if none is given)."""

    name: str = Field(pattern=r"^[a-z0-9._-]+$")
    id: str | None = None
    full_name: str | None = None
    email: str | None = None
    admin: bool = False
    guest: bool = False
    active: bool = True
    api_key: str | None = None
    github_user_id: str | None = None


class SeedState(Noun):
    """A workflow state."""

    name: str
    type: StateType


DEFAULT_STATES = (
    SeedState(name="Backlog", type="backlog"), SeedState(name="Todo", type="unstarted"), SeedState(name="In Progress", type="started"),
    SeedState(name="In Review", type="started"), SeedState(name="Done", type="completed"), SeedState(name="Canceled", type="canceled"),
)


class SeedTeam(Noun):
    """A team; its states are in the order of their positions. `labels` are the team's own."""

    key: str = Field(pattern=r"^[A-Z][A-Z0-9]*$")
    id: str | None = None
    name: str | None = None
    states: tuple[SeedState, ...] = DEFAULT_STATES
    labels: tuple[str, ...] = ()
    guidance: str | None = None


class SeedProject(Noun):
    """A project of some teams, by their keys."""

    name: str
    id: str | None = None
    teams: tuple[str, ...]
    description: str = ""


class SeedIssue(Noun):
    """An issue that is there from the start, and rings no webhook; `creator` and `assignee` are people's names."""

    team: str
    title: str
    creator: str
    id: str | None = None
    description: str | None = None
    state: str | None = None
    project: str | None = None
    assignee: str | None = None
    labels: tuple[str, ...] = ()


class SeedApp(Noun):
    """The OAuth application with its webhook. `user` is its user's display name, by which people mention it.

    With `installed`, an admin has put it into the workspace before the start, with `scopes`, and `access_token` and `refresh_token`
    are what Linear issued then; otherwise somebody authorizes it. `teams` are the keys of the teams that it may see (none: all).
    """

    client_id: str = "emulated-linear-client"
    client_secret: str = "emulated-linear-client-secret"  # noqa: S105 - an invented one, for an emulator
    name: str = "Bellhop"
    user: str = "bellhop"
    user_id: str | None = None
    redirect_uris: tuple[str, ...] = ("http://127.0.0.1:8300/oauth/linear",)
    client_credentials: bool = True
    webhook_url: str | None = None
    webhook_secret: str = "emulated-linear-webhook-secret"  # noqa: S105 - an invented one, for an emulator
    resource_types: tuple[str, ...] = DEFAULT_RESOURCE_TYPES
    teams: tuple[str, ...] | None = None
    installed: bool = True
    scopes: tuple[str, ...] = AGENT_SCOPES
    access_token: str = "lin_oauth_emulated"  # noqa: S105 - likewise
    refresh_token: str = "lin_refresh_emulated"  # noqa: S105 - likewise


class Seed(Noun):
    """All that is there at the start. People and labels that are only named somewhere are made on the way.

    `limits` is the share of Linear's own request and complexity budgets that everybody has. `retries` says what a retried delivery
    bears: a `new` timestamp and signature, or the `same` body; Linear's documents do not say.
    """

    organization: str = "acme"
    organization_id: str | None = None
    guidance: str | None = None
    app: SeedApp = SeedApp()
    users: tuple[SeedUser, ...] = ()
    teams: tuple[SeedTeam, ...] = (SeedTeam(key="ENG", name="Engineering"),)
    labels: tuple[str, ...] = ()
    projects: tuple[SeedProject, ...] = ()
    issues: tuple[SeedIssue, ...] = ()
    access_token_lifetime_seconds: float = 86_399.0
    limits: float = Field(default=1.0, gt=0.0, le=1.0)
    retries: Literal["new", "same"] = "new"


def load_seed(path: Path) -> Seed:
    """Read a YAML seed. Raises ConfigurationError with the key."""
    try:
        return Seed.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except OSError as error:
        raise ConfigurationError(f"The seed {path} cannot be read ({error.strerror}); give a readable file") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"The seed {path} is not YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"The seed {path} is wrong at {key}: {first['msg']}") from error
