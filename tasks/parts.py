"""The parts that tasks work with: which implementation stands behind each port on this host."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import structlog
from pydantic import SecretStr

from app.core.event import Event, Repo
from app.core.grant import Credential, Grant
from app.core.line.turns import Act, Pace, Unpaced, counted_by, counted_in
from app.core.line.waiting_line import Caps
from app.core.profile import Profile
from app.core.sandbox.registry import Registry
from app.core.words.clean import clean
from app.core.words.redact import redact
from app.errors import BellhopError
from app.execute.grants.vault import Vault
from app.execute.workspace import Workspaces
from app.ledger import audit
from app.ledger.database import Database
from app.ports import (
    AgentAdapter,
    Census,
    Conversation,
    GatewayControl,
    SandboxBackend,
    Service,
    TokenMinter,
    Wakeup,
)
from app.settings import Settings, webhook_secrets
from tasks.caps import caps_of

log = structlog.get_logger()


@dataclass(frozen=True)
class Parts:
    """What a composition root has chosen; made once per process, safe to share between threads.

    `backends` are those that work on this host, weakest isolation first; `tooling` builds the `/agent` tree for a
    backend and returns what SandboxSpec.tooling takes, `tooling_parts` does the same for the parts that an agent names; `services` maps an event's source to its service.
    `vault` is where `minter` keeps what it has minted; `registries` are the package registries of this host's settings, by
    name; `conversations` are the services where people only talk, by their events' source; `places` says which repository is meant where;
    `census` says where the App is installed (None: nobody asks); `pace` is that at which `services` and `minter` ask, `chat_pace` that of `conversations`. `sweeping` is held by the one sweep
    that this process has under way; `closing` gives back what the parts hold.
    """

    settings: Settings
    database: Database
    wakeup: Wakeup
    profiles: Mapping[str, Profile]
    services: Mapping[str, Service]
    minter: TokenMinter
    vault: Vault
    workspaces: Workspaces
    gateway: GatewayControl
    backends: tuple[SandboxBackend, ...]
    tooling: Callable[[SandboxBackend], str]
    tooling_parts: Callable[[SandboxBackend, tuple[str, ...]], dict[str, str]]
    agent: Callable[[str], AgentAdapter]
    registries: Mapping[str, Registry] = field(default_factory=dict)
    conversations: Mapping[str, Conversation] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
    census: Census | None = None
    pace: Pace = field(default_factory=Unpaced)
    chat_pace: Pace = field(default_factory=Unpaced)
    sweeping: threading.Lock = field(default_factory=threading.Lock)
    closing: tuple[Callable[[], None], ...] = ()

    def close(self) -> None:
        """Give every connection back that a part holds."""
        for close in self.closing:
            close()

    def service(self, event: Event) -> Service:
        """Return the service that the event came from."""
        return self.services[event.source]

    def wait_seconds(self, repo: Repo, act: Act) -> float:
        """Return how long GitHub's limits have this wait, as far as is known; 0: not at all."""
        return self.pace.wait_seconds(counted_by("github", repo), act)

    def wait_seconds_in(self, thread: str) -> float:
        """Return how long the limits of a conversation's channel have a message wait, as far as is known; 0: not at all."""
        who = counted_in(thread)
        return self.chat_pace.wait_seconds(who, "write") if who else 0.0

    def redacted(self, text: str) -> str:
        """Return text that is about to leave without the secrets that this process knows, and without what looks like one."""
        return redact(text, self.known_secrets)

    def redacted_words(self, words: str) -> str:
        """Return an agent's words as they will be read, without secrets.

        Cleaned first: a character that nobody sees would hide a secret in whose middle it stands, until whoever renders takes it out.
        """
        return self.redacted(clean(words))

    @property
    def caps(self) -> Caps:
        """How much may run at once, as this host knows it."""
        return caps_of(self.settings, self.profiles)

    @cached_property
    def known_secrets(self) -> tuple[str, ...]:
        """The long-lived secrets that this process knows."""
        settings = self.settings
        hooks = [profile.on.webhook.name for profile in self.profiles.values() if profile.on.webhook is not None]
        known = [each.get_secret_value() for each in (
            *settings.model_keys, settings.github_webhook_secret, settings.github_private_key, settings.metrics_token,
            settings.linear_client_secret, *(SecretStr(each) for each in settings.linear_webhook_secret.get_secret_value().split()),
            settings.slack_signing_secret, settings.slack_bot_token, settings.slack_app_token,
            *(secret for name in hooks for secret in webhook_secrets(name, settings.webhook_secrets_dir)),
        )]
        file = settings.github_private_key_file
        if file is not None and file.is_file():
            known.append(file.read_text(encoding="utf-8", errors="replace"))
        return tuple(value for value in known if value)

    def backend_named(self, name: str) -> SandboxBackend | None:
        """Return the backend of that name on this host, or None."""
        return next((backend for backend in self.backends if backend.name == name), None)

    def mint(self, grant: Grant, *, run_id: str) -> Credential:
        """Mint a credential that outlives the caller, audited; whoever asks has it revoked. Raises GrantRefused, ServiceError."""
        target = f"{grant.repo.full_name} {grant.says}"
        credential = self._minted(grant, run_id, target)
        try:
            self._audit(run_id, credential.id, f"mint {grant.purpose}", target, "ok")
        except BaseException:
            # Nobody else knows of it yet.
            self.minter.revoke(credential)
            raise
        return credential

    @contextmanager
    def credential(self, grant: Grant, *, run_id: str | None) -> Iterator[Credential]:
        """Mint a credential for the block and revoke it after; both are audited.

        Raises GrantRefused, ServiceError. A revocation that fails is audited and logged, not raised: the work
        is done, and the sweeper tries again.
        """
        target = f"{grant.repo.full_name} {grant.says}"
        credential = self._minted(grant, run_id, target)
        try:
            self._audit(run_id, credential.id, f"mint {grant.purpose}", target, "ok")
            yield credential
        finally:
            verdict = "ok"
            try:
                self.minter.revoke(credential)
            except BellhopError as error:
                verdict = error.reason
                log.warning("revoke_failed", credential=credential.id, reason=error.reason)
            self._audit(run_id, credential.id, f"revoke {grant.purpose}", target, verdict)

    def _minted(self, grant: Grant, run_id: str | None, target: str) -> Credential:
        try:
            return self.minter.mint(grant)
        except BellhopError as error:
            self._audit(run_id, "-", f"mint {grant.purpose}", target, error.reason)
            raise

    def _audit(self, run_id: str | None, credential_id: str, action: str, target: str, verdict: str) -> None:
        with self.database.begin() as tx:
            audit.record(tx, run_id=run_id, credential_id=credential_id, action=action, target=target, verdict=verdict)
