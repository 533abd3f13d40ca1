"""How a delivery of Linear's proves itself: HMAC-SHA256 over the raw body, and the time of sending in the signed body.

https://linear.app/developers/webhooks#securing-webhooks
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Any

from app.errors import DeliveryRefused
from app.ports import RawHeaders

HEADER = b"linear-signature"
TOLERANCE_MS = 60_000


def verify(secrets: Sequence[bytes], headers: RawHeaders, body: bytes) -> None:
    """Return if exactly one Linear-Signature header signs `body` by one of the secrets. Raises DeliveryRefused (401)."""
    given = [value for name, value in headers if name == HEADER]
    if not given:
        raise _refused("signature_missing", "there is no Linear-Signature header")
    if len(given) > 1:
        raise _refused("signature_repeated", "the Linear-Signature header came more than once")
    # All of them, whichever is right: how long it takes says nothing.
    if not sum(hmac.compare_digest(sign(secret, body), given[0]) for secret in secrets):
        raise _refused(
            "signature_mismatch", "the signature does not match the body: BELLHOP_LINEAR_WEBHOOK_SECRET must be the webhook's signing secret at Linear",
        )


def sign(secret: bytes, body: bytes) -> bytes:
    """Return the header's value for `body`."""
    return hmac.digest(secret, body, "sha256").hex().encode()


def refuse_stale(payload: dict[str, Any], now_ms: float) -> None:
    """Return if the signed body was sent within a minute of now. Raises DeliveryRefused (401; 400 for a time that is no number).

    The time in the header is not signed, and so never looked at.
    """
    sent_at = payload.get("webhookTimestamp")
    if not isinstance(sent_at, int | float) or isinstance(sent_at, bool):
        raise DeliveryRefused("webhookTimestamp is missing, or no number", status=400, reason="bad_timestamp")
    if abs(now_ms - sent_at) > TOLERANCE_MS:
        raise _refused("stale", "it was sent more than a minute from now: see that this machine's clock is right")


def _refused(reason: str, message: str) -> DeliveryRefused:
    return DeliveryRefused(message, status=401, reason=reason)
