"""How a delivery proves where it comes from, each over the raw bytes and in constant time; nothing is read before.

Standard Webhooks: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Sequence

from app.core.ringing.webhook_source import Hmac
from app.errors import ConfigurationError, DeliveryRefused
from app.ports import RawHeaders
from triggers.headers import only

# What the specification's own libraries allow, in both directions.
TOLERANCE_SECONDS = 300
# Nobody guesses as much; what is shorter was not drawn by a machine.
LEAST_SECRET_BYTES = 16
_NUMBER = re.compile(rb"[0-9]{1,12}", re.ASCII)
_ID = re.compile(rb"[\x21-\x2d\x2f-\x7e]{1,200}", re.ASCII)
_PREFIX = "whsec_"


def standard_key(secret: str) -> bytes:
    """Return the key in a Standard Webhooks secret, `whsec_` and base64. Raises ConfigurationError."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    return long_enough(key, "a Standard Webhooks secret is `whsec_` and base64")


def long_enough(key: bytes, says: str = "a webhook's secret") -> bytes:
    """Return the key, if it is one. Raises ConfigurationError."""
    if len(key) < LEAST_SECRET_BYTES:
        raise ConfigurationError(f"{says} of at least {LEAST_SECRET_BYTES} bytes: this one would be guessed")
    return key


def prove_standard(keys: Sequence[bytes], headers: RawHeaders, body: bytes, now_seconds: float) -> str:
    """Return the message's id, which is signed, if one of the keys has signed it within five minutes.

    Raises DeliveryRefused (401; 400 for a time that is no number).
    """
    message_id, sent_at, signatures = (_there(headers, name) for name in (b"webhook-id", b"webhook-timestamp", b"webhook-signature"))
    if not _NUMBER.fullmatch(sent_at):
        raise DeliveryRefused("the header webhook-timestamp is no number of seconds", status=400, reason="bad_timestamp")
    if not _ID.fullmatch(message_id):
        raise DeliveryRefused("the header webhook-id is malformed", status=400, reason="header_missing")
    signed = b".".join((message_id, sent_at, body))
    wanted = [b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256")) for key in keys]
    if not _is_one_of(signatures.split(b" "), wanted):
        raise _refused()
    if abs(now_seconds - int(sent_at)) > TOLERANCE_SECONDS:
        raise DeliveryRefused("it was signed more than five minutes from now: see that both clocks are right", status=401, reason="stale")
    return message_id.decode("ascii")


def prove_hmac(how: Hmac, keys: Sequence[bytes], headers: RawHeaders, body: bytes) -> None:
    """Return if the header holds the HMAC of the body by one of the keys. Raises DeliveryRefused (401)."""
    given = _there(headers, how.header.lower().encode())
    digests = [hmac.digest(key, body, how.algorithm) for key in keys]
    encoded = [digest.hex().encode() if how.encoding == "hex" else base64.b64encode(digest) for digest in digests]
    if not _is_one_of([each.strip() for each in given.split(b",")], [how.prefix.encode() + each for each in encoded]):
        raise _refused()


def prove_bearer(keys: Sequence[bytes], headers: RawHeaders) -> None:
    """Return if `Authorization: Bearer` holds one of the keys. Raises DeliveryRefused (401)."""
    scheme, _, token = _there(headers, b"authorization").partition(b" ")
    if not _is_one_of([token.strip()], keys) or scheme.lower() != b"bearer":
        raise _refused()


def _is_one_of(given: Sequence[bytes], wanted: Sequence[bytes]) -> bool:
    # All of them, whichever is right: how long it takes says nothing. Nobody rotates ten secrets at once.
    return sum(hmac.compare_digest(one, other) for one in given[:10] for other in wanted) > 0


def _there(headers: RawHeaders, name: bytes) -> bytes:
    value = only(headers, name)
    if not value:
        raise DeliveryRefused(f"there is no header {name.decode()}", status=401, reason="signature_missing")
    return value


def _refused() -> DeliveryRefused:
    return DeliveryRefused("its proof does not match: both sides must have the same secret", status=401, reason="signature_mismatch")
