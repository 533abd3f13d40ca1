"""GitHub's webhook signature: HMAC-SHA256 over the raw body.

https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

from __future__ import annotations

import hmac

from app.errors import DeliveryRefused
from app.ports import RawHeaders

HEADER = b"x-hub-signature-256"
_PREFIX = b"sha256="


def verify(secret: bytes, headers: RawHeaders, body: bytes) -> None:
    """Return if exactly one X-Hub-Signature-256 header signs `body`. Raises DeliveryRefused (401)."""
    given = [value for name, value in headers if name == HEADER]
    if not given:
        raise _refused("signature_missing", "there is no X-Hub-Signature-256 header: set the webhook's secret at GitHub")
    if len(given) > 1:
        raise _refused("signature_repeated", "the X-Hub-Signature-256 header came more than once")
    if not hmac.compare_digest(sign(secret, body), given[0]):
        raise _refused(
            "signature_mismatch",
            "the signature does not match the body: the webhook's secret at GitHub and "
            "BELLHOP_GITHUB_WEBHOOK_SECRET must be the same",
        )


def sign(secret: bytes, body: bytes) -> bytes:
    """Return the header's value for `body`."""
    return _PREFIX + hmac.digest(secret, body, "sha256").hex().encode()


def _refused(reason: str, message: str) -> DeliveryRefused:
    return DeliveryRefused(message, status=401, reason=reason)
