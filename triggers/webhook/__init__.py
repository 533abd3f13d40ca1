"""Services that ring by a webhook of a profile's own: their deliveries in, answers at the forge."""

from __future__ import annotations

from collections.abc import Mapping

from app.core.profile import Profile
from app.core.ringing.webhook_source import WEBHOOK
from app.ports import Trigger
from app.settings import Settings, webhook_secrets
from triggers.webhook.trigger import WebhookTrigger


def webhook_triggers(settings: Settings, profiles: Mapping[str, Profile]) -> Mapping[str, Trigger]:
    """Return the trigger of each profile's webhook by its source, `webhook/NAME`. Raises ConfigurationError for one without a secret."""
    made: dict[str, Trigger] = {}
    for name, profile in sorted(profiles.items()):
        hook = profile.on.webhook
        if hook is not None:
            made[f"{WEBHOOK}/{hook.name}"] = WebhookTrigger(name, hook, webhook_secrets(hook.name, settings.webhook_secrets_dir))
    return made
