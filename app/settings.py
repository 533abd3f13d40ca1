"""The only reader of the environment: every setting, its default written once."""

from __future__ import annotations

import difflib
import os
import re
import socket
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent


def default_state_dir() -> Path:
    """Return where things are kept: /var/lib for root, the XDG state directory for others."""
    if os.geteuid() == 0:
        return Path("/var/lib/bellhop")
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "bellhop"


def default_runtime_dir() -> Path:
    """Return where sockets live: /run for root, the XDG runtime directory (or /tmp) for others."""
    if os.geteuid() == 0:
        return Path("/run/bellhop")
    base = os.environ.get("XDG_RUNTIME_DIR")
    return Path(base) / "bellhop" if base else Path(f"/tmp/bellhop-{os.geteuid()}")  # noqa: S108 - checked at start


def registry_token(variable: str) -> SecretStr:
    """Return the token that a registry's entry names by an environment variable; empty when it is not set."""
    return SecretStr(os.environ.get(variable, "").strip())


def webhook_secrets(name: str, directory: Path | None) -> tuple[SecretStr, ...]:
    """Return the secrets of the webhook of that name: the lines of its file in the directory, and its own environment variable."""
    lines = [os.environ.get(f"BELLHOP_WEBHOOK_SECRET_{name.upper().replace('-', '_')}", "")]
    if directory is not None and (file := directory / name).is_file():
        lines += file.read_text(encoding="utf-8").splitlines()
    return tuple(SecretStr(line.strip()) for line in lines if line.strip())


def _web_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        known = False
    if url and not known:
        raise ValueError("must be an address such as https://host or http://host:3128")
    return url


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError) as error:
        raise ValueError("must be a time zone such as UTC or Europe/Berlin") from error
    return name


def _broker(url: str) -> str:
    if not url.startswith(("memory://", "redis://", "rediss://")):
        raise ValueError("must be redis://host:6379/0, rediss://... or memory://")
    return url


def _long(token: SecretStr) -> SecretStr:
    if 0 < len(token.get_secret_value()) < 16:
        raise ValueError("must have at least 16 characters, such as `openssl rand -hex 24` prints")
    return token


def _longer(key: SecretStr) -> SecretStr:
    if 0 < len(key.get_secret_value()) < 32:
        raise ValueError("must have at least 32 characters, such as `openssl rand -hex 32` prints")
    return key


WebAddress = Annotated[str, AfterValidator(_web_address)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
# `info` is as good as `INFO`.
LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(lambda said: str(said).upper())]


class Settings(BaseSettings):
    """Read from environment variables that start with `BELLHOP_`; docs/settings.md lists them all.

    The model keys are also read under their vendors' own names. A variable that is empty is one that is not
    set: compose.yaml can pass a variable on, but cannot leave it out.
    """

    model_config = SettingsConfigDict(
        env_prefix="BELLHOP_", env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True
    )

    # Where things are kept. `runtime_dir` holds unix sockets, whose paths may not pass 107 bytes.
    state_dir: Path = Field(default_factory=default_state_dir)
    runtime_dir: Path = Field(default_factory=default_runtime_dir)
    profiles_dir: Path = ROOT / "profiles"
    templates_dir: Path = ROOT / "templates"
    database_url: str = ""
    broker_url: Annotated[str, AfterValidator(_broker)] = "memory://"

    # The web process.
    web_host: str = "127.0.0.1"
    web_port: int = Field(default=8300, ge=0, le=65_535)
    public_url: WebAddress = ""
    metrics_token: Annotated[SecretStr, AfterValidator(_long)] = SecretStr("")
    cookie_key: Annotated[SecretStr, AfterValidator(_longer)] = SecretStr("")

    # GitHub.
    github_webhook_secret: SecretStr = SecretStr("")
    github_app_id: str = ""
    github_private_key: SecretStr = SecretStr("")
    github_private_key_file: Path | None = None
    github_client_id: str = ""
    github_client_secret: SecretStr = SecretStr("")
    github_api_url: WebAddress = "https://api.github.com"
    github_web_url: WebAddress = "https://github.com"
    bot_login: str = "bellhop[bot]"
    # What GitHub asks for: https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
    github_write_spacing_seconds: float = Field(default=1.0, ge=0, le=60)

    # Linear.
    linear_webhook_secret: SecretStr = SecretStr("")
    linear_client_id: str = ""
    linear_client_secret: SecretStr = SecretStr("")
    linear_api_url: WebAddress = "https://api.linear.app"
    linear_web_url: WebAddress = "https://linear.app"
    linear_bot_name: str = ""
    linear_bot_user_id: str = ""

    # Slack, docs/slack.md: nothing of it is loaded while all of these are empty.
    slack_signing_secret: SecretStr = SecretStr("")
    slack_bot_token: SecretStr = SecretStr("")
    slack_app_token: SecretStr = SecretStr("")
    slack_api_url: WebAddress = "https://slack.com/api"
    # https://docs.slack.dev/reference/methods/chat.postMessage#rate_limiting
    slack_write_spacing_seconds: float = Field(default=1.0, ge=0, le=60)

    # Webhooks of profiles: a directory with a file for each, docs/webhooks.md.
    webhook_secrets_dir: Path | None = None

    # A file that says which repository is meant where, docs/cases.md.
    places_file: Path | None = None

    # What leaves this host.
    ca_bundle: Path | None = None
    outbound_proxy: WebAddress | None = None
    egress_private_networks: str = ""

    # Package registries: a file that names them, docs/registries.md, and what the gateway keeps of their files.
    registries_file: Path | None = None
    registry_cache_mb: int = Field(default=10_240, ge=0)

    # Model APIs.
    anthropic_api_key: SecretStr = Field(
        default=SecretStr(""), validation_alias="ANTHROPIC_API_KEY"
    )
    anthropic_api_url: str = "https://api.anthropic.com"
    openai_api_key: SecretStr = Field(default=SecretStr(""), validation_alias="OPENAI_API_KEY")
    openai_api_url: str = "https://api.openai.com"
    gemini_api_key: SecretStr = Field(default=SecretStr(""), validation_alias="GEMINI_API_KEY")
    gemini_api_url: str = "https://generativelanguage.googleapis.com"

    # This host's sandboxes.
    host_name: str = Field(default_factory=socket.gethostname)
    sandbox_backend: Literal["auto", "docker", "gvisor", "bubblewrap"] = "auto"
    docker_host: str = "unix:///var/run/docker.sock"
    worker_concurrency: int = Field(default=8, ge=1)
    max_runs: int = Field(default=4, ge=1)
    max_runs_per_repository: int | None = Field(default=None, ge=1)
    max_runs_per_organisation: int | None = Field(default=None, ge=1)
    max_runs_per_person: int | None = Field(default=None, ge=1)
    daily_usd_per_repository: float | None = Field(default=None, gt=0)
    daily_usd_per_person: float | None = Field(default=None, gt=0)
    time_zone: TimeZone = "UTC"
    kept_homes: int = Field(default=50, ge=0)
    kept_home_days: float = Field(default=14.0, gt=0)
    kept_home_mb: int = Field(default=512, ge=1)
    kept_workspace_mb: int = Field(default=1024, ge=0)
    kept_layers: int = Field(default=20, ge=0)
    kept_layer_days: float = Field(default=14.0, gt=0)
    sweep_seconds: float = Field(default=10.0, gt=0)
    log_level: LogLevel = "INFO"

    @cached_property
    def ledger_url(self) -> str:
        """The database's URL: what is set, or SQLite below `state_dir`."""
        return self.database_url or f"sqlite:///{self.state_dir / 'bellhop.db'}"

    @cached_property
    def gateway_socket(self) -> Path:
        """The control socket between this host's workers and its gateway."""
        return self.runtime_dir / "gateway.sock"

    @cached_property
    def credentials_dir(self) -> Path:
        """Where this host's workers keep their live tokens."""
        return self.runtime_dir / "credentials"

    @property
    def model_keys(self) -> tuple[SecretStr, ...]:
        """The keys of all model APIs, set or not."""
        return self.anthropic_api_key, self.openai_api_key, self.gemini_api_key

    @property
    def link_url(self) -> str:
        """`public_url` where others can follow it: empty when it is not set or leads to this machine only."""
        host = urlsplit(self.public_url).hostname or ""
        try:
            own = ip_address(host).is_loopback or ip_address(host).is_unspecified
        except ValueError:
            own = host == "localhost" or host.endswith(".localhost")
        return "" if own else self.public_url

    @property
    def account_link_url(self) -> str:
        """Where the pages are on which accounts are linked: `link_url`, or this machine itself where people sign in there, as in a rehearsal."""
        return self.link_url or (self.public_url if self.github_client_id else "")


# A registry's `token-env`; a webhook's secret; what the environment of tests, and that of a sandbox, says of itself; what Kubernetes tells of a Service
# called `bellhop` (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables).
_NO_SETTINGS = re.compile(r"BELLHOP_(?:REGISTRY_TOKEN_.*|WEBHOOK_SECRET_.*|TEST_.*|MCP_URL|PROMPT_FILE|SERVICE_(?:HOST|PORT.*)|PORT(?:_\d+_.*)?)")


def misspelt() -> dict[str, str]:
    """Return each `BELLHOP_` variable that is no setting, with the setting that it may have been meant for, or an empty text."""
    known = [f"BELLHOP_{name.upper()}" for name in Settings.model_fields]
    unknown = [name for name in sorted(os.environ) if name.startswith("BELLHOP_") and not _NO_SETTINGS.fullmatch(name)]
    return {name: next(iter(difflib.get_close_matches(name, known, 1, 0.8)), "") for name in unknown if name not in known}
