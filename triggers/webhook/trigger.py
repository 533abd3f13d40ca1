"""One delivery at a profile's own webhook: proven over its raw bytes, then parsed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from pydantic import SecretStr

from app.core.event import Parsed
from app.core.ringing.webhook_source import WEBHOOK, WebhookSource
from app.errors import ConfigurationError, DeliveryRefused
from app.ports import RawHeaders
from triggers.strict_json import load_object
from triggers.webhook.parse import parse
from triggers.webhook.proof import long_enough, prove_bearer, prove_hmac, prove_standard, standard_key

# A service that tells of one happening sends a few kilobytes.
BODY_LIMIT_BYTES = 1024 * 1024


class WebhookTrigger:
    """The Trigger of one webhook; `secrets` are those that it may be proven with, `clock` gives seconds since 1970.

    Raises ConfigurationError when there is none, or one that could be guessed.
    """

    def __init__(
        self, profile: str, hook: WebhookSource, secrets: Sequence[SecretStr], clock: Callable[[], float] = time.time
    ) -> None:
        self.source = f"{WEBHOOK}/{hook.name}"
        said = [secret.get_secret_value() for secret in secrets]
        if not said:
            raise ConfigurationError(
                f"the webhook `{hook.name}` of the profile {profile} has no secret, so anybody could ring: put it into the file `{hook.name}` "
                f"in BELLHOP_WEBHOOK_SECRETS_DIR, or into BELLHOP_WEBHOOK_SECRET_{hook.name.upper().replace('-', '_')}"
            )
        try:
            self._keys = [standard_key(one) if hook.auth == "standard" else long_enough(one.encode()) for one in said]
        except ConfigurationError as error:
            raise ConfigurationError(f"the secret of the webhook `{hook.name}`: {error}") from None
        self._profile, self._hook, self._clock = profile, hook, clock

    def receive(self, headers: RawHeaders, body: bytes) -> Parsed:
        """Prove and parse one delivery. Raises DeliveryRefused (401 before anything is read, then 400 and 413)."""
        message_id = None
        if self._hook.auth == "standard":
            message_id = prove_standard(self._keys, headers, body, self._clock())
        elif self._hook.hmac is not None:
            prove_hmac(self._hook.hmac, self._keys, headers, body)
        else:
            prove_bearer(self._keys, headers)
        if len(body) > BODY_LIMIT_BYTES:
            raise DeliveryRefused(f"the body is larger than {BODY_LIMIT_BYTES // 1024} KiB", status=413, reason="body_too_large")
        return parse(self._profile, self._hook, load_object(body), body, message_id)

    def read(self, kind: str, delivery_key: str, body: bytes) -> Parsed:
        """Parse a payload that nobody has proven; a webhook has one kind. Raises DeliveryRefused (400)."""
        del kind
        return parse(self._profile, self._hook, load_object(body), body, delivery_key)
