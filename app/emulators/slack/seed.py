"""The seed: what an emulated Slack holds when it starts, as YAML or as pydantic models."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from app.core.noun import Noun
from app.errors import ConfigurationError

# Those of the manifest in docs/slack.md, and `users:read.email`, so that whoever rehearses with an App that was given less or more notices.
DEFAULT_SCOPES = (
    "app_mentions:read", "channels:history", "groups:history", "im:history", "chat:write", "commands", "files:read", "files:write",
    "im:write", "reactions:read", "users:read", "users:read.email",
)
DEFAULT_EVENTS = ("app_mention", "message.channels", "message.groups", "message.im", "reaction_added")
HOME_TEAM = "T0EMUHOME"


class SeedTeam(Noun):
    """A workspace."""

    id: str = Field(pattern=r"^T[A-Z0-9]+$")
    name: str
    domain: str = Field(pattern=r"^[a-z0-9-]+$")


class SeedMember(Noun):
    """A person, or with `is_bot` another App's bot. `team` is a workspace's id; the App's own where it is not said."""

    name: str = Field(pattern=r"^[a-z0-9._-]+$")
    id: str | None = Field(default=None, pattern=r"^[UW][A-Z0-9]+$")
    team: str = HOME_TEAM
    real_name: str | None = None
    display_name: str | None = None
    email: str | None = None
    deleted: bool = False
    is_admin: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_bot: bool = False


class SeedChannel(Noun):
    """A channel; `members` are names or ids, the App's bot too if it is to be there; `shared_with` are workspaces' ids."""

    name: str = Field(pattern=r"^[a-z0-9_-]{1,80}$")
    id: str | None = Field(default=None, pattern=r"^[CG][A-Z0-9]+$")
    private: bool = False
    archived: bool = False
    members: tuple[str, ...] = ()
    shared_with: tuple[str, ...] = ()


class SeedApp(Noun):
    """The App, with invented credentials; `shortcuts` are the `callback_id`s of global ones. Without `socket_mode`, each URL that is given gets what it is for;

    `request_url` also stands for the two others where they are not.
    """

    id: str = Field(default="A0EMUAPP", pattern=r"^A[A-Z0-9]+$")
    name: str = "Bellhop"
    bot: str = "bellhop"
    signing_secret: str = "emulated-signing-secret"  # noqa: S105 - an invented one, for an emulator
    verification_token: str = "emulated-verification"  # noqa: S105 - the same
    bot_token: str = Field(default="xoxb-emulated-bellhop", pattern=r"^xoxb-.+$")
    app_token: str = Field(default="xapp-1-A0EMUAPP-emulated", pattern=r"^xapp-.+$")
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    app_scopes: tuple[str, ...] = ("connections:write",)
    events: tuple[str, ...] = DEFAULT_EVENTS
    commands: tuple[str, ...] = ("/bellhop",)
    escapes_commands: bool = True
    shortcuts: tuple[str, ...] = ("bellhop.form",)
    request_url: str | None = None
    interactivity_url: str | None = None
    commands_url: str | None = None
    socket_mode: bool = False


class Seed(Noun):
    """All that is there at the start. `channel_seconds` is how long one must wait between two messages in a channel, if at all.

    People who are only named as members of a channel are made on the way.
    """

    app: SeedApp = SeedApp()
    team: SeedTeam = SeedTeam(id=HOME_TEAM, name="Corner Shop", domain="corner-shop")
    other_teams: tuple[SeedTeam, ...] = ()
    members: tuple[SeedMember, ...] = ()
    channels: tuple[SeedChannel, ...] = (SeedChannel(name="general", members=("bellhop", "ada")),)
    channel_seconds: float | None = None


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
