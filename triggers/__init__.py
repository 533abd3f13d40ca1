"""The services that Bellhop listens to: one folder each, and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from pydantic import SecretStr

from app.core.event import Parsed
from app.errors import ConfigurationError
from app.ports import Service, Trigger
from app.settings import Settings
from triggers import github


class Sides(NamedTuple):
    """How a service's two sides are made; both may raise ConfigurationError."""

    trigger: Callable[[Settings], Trigger]
    service: Callable[[Settings], Service]


TRIGGERS: dict[str, Sides] = {
    "github": Sides(github.trigger, github.service),
}


def make_triggers(settings: Settings) -> Mapping[str, Trigger]:
    """Return every trigger by its source. Raises ConfigurationError, such as for an empty webhook secret."""
    return {source: sides.trigger(settings) for source, sides in TRIGGERS.items()}


def reader(source: str) -> Callable[[str, str, bytes], Parsed]:
    """Return what parses a source's payloads without a signature, for `bellhop explain`.

    Raises ConfigurationError for a source that is not known.
    """
    if source not in TRIGGERS:
        raise ConfigurationError(f"there is no trigger `{source}`: Bellhop listens to {', '.join(sorted(TRIGGERS))}")
    # Nothing is received on this one, so its secret protects nothing.
    return TRIGGERS[source].trigger(Settings(github_webhook_secret=SecretStr("explain"))).read


def make_services(settings: Settings) -> Mapping[str, Service]:
    """Return every service to reply to, by the source of the events that come from it. Raises ConfigurationError."""
    return {source: sides.service(settings) for source, sides in TRIGGERS.items()}
