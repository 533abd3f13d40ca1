"""The services that Bellhop listens to: one folder each, and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

from pydantic import SecretStr
from starlette.routing import BaseRoute

from app.core.event import LINEAR, SLACK, Parsed
from app.core.line.turns import Pace
from app.core.profile import Profile
from app.core.ringing.schedule import SCHEDULE
from app.core.ringing.webhook_source import WEBHOOK
from app.errors import ConfigurationError
from app.ports import Conversation, Service, Trigger
from app.settings import Settings
from triggers import github, linear, slack
from triggers.linear.keep import SecretKeep
from triggers.route import Accepts
from triggers.unheard import refuse_unheard
from triggers.webhook import webhook_triggers
from triggers.webhook.trigger import WebhookTrigger


class OwnDoor(Protocol):
    """A service's part of the web process, where its deliveries take a library of the service's own, or a connection that we open."""

    @property
    def routes(self) -> list[BaseRoute]:
        """Its routes, which stand before those of `/hooks/{source}`."""

    def running(self) -> AbstractAsyncContextManager[None]:
        """Do for the block what the service needs beside its routes."""


class Sides(NamedTuple):
    """How a service's sides are made; each may raise ConfigurationError, and None stands for one that this Bellhop is not set up for.

    A forge has a `service`; where people only talk there is a `conversation` in its place, and work is done at the forge of ANSWERED_AT.
    One with a `door` has no `trigger`: `reader` then makes what parses its payloads for `bellhop explain`.
    """

    trigger: Callable[[Settings], Trigger | None]
    service: Callable[[Settings, Pace | None], Service] | None = None
    conversation: Callable[[Settings, Pace | None], Conversation | None] | None = None
    door: Callable[[Settings, Accepts], OwnDoor | None] | None = None
    reader: Callable[[Settings], Callable[[str, str, bytes], Parsed]] | None = None


TRIGGERS: dict[str, Sides] = {
    "github": Sides(github.trigger, github.service),
    LINEAR: Sides(linear.trigger),
    SLACK: Sides(slack.trigger, conversation=slack.conversation, door=slack.door, reader=slack.reader),
}

# Events that come from no forge, and the one at which their work is done.
ANSWERED_AT = {SCHEDULE: "github", WEBHOOK: "github", SLACK: "github", LINEAR: "github"}


def make_triggers(settings: Settings, profiles: Mapping[str, Profile]) -> Mapping[str, Trigger]:
    """Return every trigger by its source, those of the profiles' webhooks too. Raises ConfigurationError, such as for an empty secret."""
    made = {source: trigger for source, sides in TRIGGERS.items() if (trigger := sides.trigger(settings)) is not None}
    refuse_unheard(settings, profiles)
    return made | dict(webhook_triggers(settings, profiles))


def reader(source: str, profiles: Mapping[str, Profile], settings: Settings) -> Callable[[str, str, bytes], Parsed]:
    """Return what parses a source's payloads without a signature, for `bellhop explain`; a webhook's is `webhook/NAME`.

    Raises ConfigurationError for a source that is not known.
    """
    hooks = {f"{WEBHOOK}/{hook.name}": (name, hook) for name, profile in profiles.items() if (hook := profile.on.webhook) is not None}
    if source in hooks:
        name, hook = hooks[source]
        return WebhookTrigger(name, hook.model_copy(update={"auth": "bearer"}), [SecretStr("nothing-is-received")]).read
    if source not in TRIGGERS:
        raise ConfigurationError(f"there is no trigger `{source}`: Bellhop listens to {', '.join([*sorted(TRIGGERS), *sorted(hooks)])}")
    if (made_by := TRIGGERS[source].reader) is not None:
        return made_by(settings)
    # Nothing is received on this one, so its secret protects nothing.
    secret = SecretStr("explain")
    made = TRIGGERS[source].trigger(settings.model_copy(update={"github_webhook_secret": secret, "linear_webhook_secret": secret}))
    if made is None:
        raise ConfigurationError(f"this Bellhop is not set up for `{source}`")
    return made.read


def make_doors(settings: Settings, intake: Accepts) -> Sequence[OwnDoor]:
    """Return the doors of their own that services have which this Bellhop is set up for. Raises ConfigurationError."""
    wanted = [sides.door(settings, intake) for sides in TRIGGERS.values() if sides.door is not None]
    return [door for door in wanted if door is not None]


def make_services(settings: Settings, pace: Pace | None = None) -> Mapping[str, Service]:
    """Return every service to reply to, by the source of the events that come from it, asked at this pace. Raises ConfigurationError."""
    made = {source: sides.service(settings, pace) for source, sides in TRIGGERS.items() if sides.service is not None}
    return made | {source: made[forge] for source, forge in ANSWERED_AT.items()}


def make_conversations(settings: Settings, keeps: Callable[[str, bytes], SecretKeep], pace: Pace | None = None) -> Mapping[str, Conversation]:
    """Return every service where people only talk that this Bellhop is set up for, by its events' source. Raises ConfigurationError.

    `keeps` makes where a secret of a name is kept, sealed with a key; `pace` is that of chat services.
    """
    wanted = {source: sides.conversation(settings, pace) for source, sides in TRIGGERS.items() if sides.conversation is not None}
    wanted[LINEAR] = linear.conversation(settings, keeps(LINEAR, settings.linear_client_secret.get_secret_value().encode()))
    return {source: made for source, made in wanted.items() if made is not None}


def make_returns(settings: Settings, keeps: Callable[[str, bytes], SecretKeep]) -> Sequence[BaseRoute]:
    """Return the routes to which services send people back who have agreed to something there."""
    # Whoever is not set up for it has no use for an HTTP client.
    if not settings.linear_client_id:
        return []
    from triggers.linear.connect import CONNECTING, routes  # noqa: PLC0415

    key = settings.linear_client_secret.get_secret_value().encode()
    return routes(settings, keeps(LINEAR, key), keeps(CONNECTING, key))
