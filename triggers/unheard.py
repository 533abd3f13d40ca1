"""Profiles that wait for a service which is not set up, so that they would never ring; pure."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import SecretStr

from app.core.event import LINEAR, SLACK
from app.core.profile import Profile
from app.errors import ConfigurationError
from app.settings import Settings


def refuse_unheard(settings: Settings, profiles: Mapping[str, Profile]) -> None:
    """Return unless a profile waits for what nobody listens to. Raises ConfigurationError."""
    missing = {
        LINEAR: "" if _is_set(settings.linear_webhook_secret) else "BELLHOP_LINEAR_WEBHOOK_SECRET",
        SLACK: "" if _is_set(settings.slack_signing_secret, settings.slack_app_token) else "BELLHOP_SLACK_SIGNING_SECRET or BELLHOP_SLACK_APP_TOKEN",
    }
    for name, profile in sorted(profiles.items()):
        for source in sorted(missing.keys() & profile.on.filters.keys()):
            if missing[source]:
                raise ConfigurationError(
                    f"the profile {name} says `on: {source}:`, and {source.capitalize()} is not set up, so that it would never ring: set {missing[source]} "
                    f"(docs/{source}.md), or take that out of the profile"
                )


def _is_set(*secrets: SecretStr) -> bool:
    return any(secret.get_secret_value().strip() for secret in secrets)
