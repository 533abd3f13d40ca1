"""One delivery of Linear's: verified over its raw bytes, then read as JSON, then held against the clock, then parsed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import structlog
from pydantic import SecretStr

from app.core.event import LINEAR, Ignored, Parsed
from app.errors import ConfigurationError, DeliveryRefused
from app.ports import RawHeaders
from triggers.headers import only
from triggers.linear.addressed import Bot
from triggers.linear.parse import REVOKED, parse
from triggers.linear.signature import refuse_stale, verify
from triggers.strict_json import load_object

log = structlog.get_logger()

# Where Linear's own SDK stops reading.
BODY_LIMIT_BYTES = 5 * 1024 * 1024
_DELIVERY = re.compile(r"[A-Za-z0-9._:\-]{1,128}")


class LinearTrigger:
    """The Trigger for Linear; `secret` is the webhook's, or several with blanks between, any of which counts. `clock` gives seconds since 1970.

    Raises ConfigurationError when it is empty.
    """

    source = LINEAR

    def __init__(self, secret: SecretStr, bot: Bot, clock: Callable[[], float] = time.time) -> None:
        self._secrets = [each.encode() for each in secret.get_secret_value().split()]
        if not self._secrets:
            raise ConfigurationError(
                "Linear's webhook secret is empty, so anybody could ring: set BELLHOP_LINEAR_WEBHOOK_SECRET to the signing secret of the webhook at Linear"
            )
        self._bot, self._clock = bot, clock

    def receive(self, headers: RawHeaders, body: bytes) -> Parsed:
        """Verify and parse one delivery. Raises DeliveryRefused (401 before anything is read, then 400, 401 and 413)."""
        verify(self._secrets, headers, body)
        if len(body) > BODY_LIMIT_BYTES:
            raise DeliveryRefused(f"the body is larger than {BODY_LIMIT_BYTES // (1024 * 1024)} MB", status=413, reason="body_too_large")
        payload = load_object(body)
        refuse_stale(payload, self._clock() * 1000)
        delivery = only(headers, b"linear-delivery")
        if delivery is None or not _DELIVERY.fullmatch(delivery_key := delivery.decode("latin-1")):
            raise DeliveryRefused("the header linear-delivery is missing or malformed", status=400, reason="header_missing")
        parsed = parse(delivery_key, payload, self._bot)
        if isinstance(parsed, Ignored) and parsed.reason == REVOKED:
            log.warning("linear_app_revoked", mend="somebody has taken the app out of the workspace: `bellhop linear connect` brings it back")
        return parsed

    def read(self, kind: str, delivery_key: str, body: bytes) -> Parsed:
        """Parse a payload that nobody signed; what it is, it says itself. Raises DeliveryRefused (400)."""
        del kind
        return parse(delivery_key, load_object(body), self._bot)
