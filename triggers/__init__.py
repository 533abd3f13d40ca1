"""The services that Bellhop listens to: one folder each, and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from pydantic import SecretStr

from app.core.event import Parsed
from app.core.profile import Profile
from app.core.ringing.schedule import SCHEDULE
from app.core.ringing.webhook_source import WEBHOOK
from app.errors import ConfigurationError
from app.ports import Service, Trigger
from app.settings import Settings
from triggers import github
from triggers.webhook import webhook_triggers
from triggers.webhook.trigger import WebhookTrigger


class Sides(NamedTuple):
    """How a service's two sides are made; both may raise ConfigurationError."""

    trigger: Callable[[Settings], Trigger]
    service: Callable[[Settings], Service]


TRIGGERS: dict[str, Sides] = {
    "github": Sides(github.trigger, github.service),
}

# Events that come from no forge, and the one at which they are answered.
ANSWERED_AT = {SCHEDULE: "github", WEBHOOK: "github"}


def make_triggers(settings: Settings, profiles: Mapping[str, Profile]) -> Mapping[str, Trigger]:
    """Return every trigger by its source, those of the profiles' webhooks too. Raises ConfigurationError, such as for an empty secret."""
    return {source: sides.trigger(settings) for source, sides in TRIGGERS.items()} | dict(webhook_triggers(settings, profiles))


def reader(source: str, profiles: Mapping[str, Profile]) -> Callable[[str, str, bytes], Parsed]:
    """Return what parses a source's payloads without a signature, for `bellhop explain`; a webhook's is `webhook/NAME`.

    Raises ConfigurationError for a source that is not known.
    """
    hooks = {f"{WEBHOOK}/{hook.name}": (name, hook) for name, profile in profiles.items() if (hook := profile.on.webhook) is not None}
    if source in hooks:
        name, hook = hooks[source]
        return WebhookTrigger(name, hook.model_copy(update={"auth": "bearer"}), [SecretStr("nothing-is-received")]).read
    if source not in TRIGGERS:
        raise ConfigurationError(f"there is no trigger `{source}`: Bellhop listens to {', '.join([*sorted(TRIGGERS), *sorted(hooks)])}")
    # Nothing is received on this one, so its secret protects nothing.
    return TRIGGERS[source].trigger(Settings(github_webhook_secret=SecretStr("explain"))).read


def make_services(settings: Settings) -> Mapping[str, Service]:
    """Return every service to reply to, by the source of the events that come from it. Raises ConfigurationError."""
    made = {source: sides.service(settings) for source, sides in TRIGGERS.items()}
    return made | {source: made[forge] for source, forge in ANSWERED_AT.items()}
