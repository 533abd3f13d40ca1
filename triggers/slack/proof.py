"""The signature over a request's raw bytes, before anything of them is read.

https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from pydantic import SecretStr
from slack_sdk.signature import Clock, SignatureVerifier

from app.errors import DeliveryRefused
from app.ports import RawHeaders
from triggers.headers import only
from triggers.strict_json import load_object

_TIMESTAMP = re.compile(rb"[0-9]{1,12}")
_SIGNATURE = re.compile(rb"v0=[0-9a-f]{64}")
# How Slack tries a command's certificate, without a signature: https://docs.slack.dev/interactivity/implementing-slash-commands
_SSL_CHECK = re.compile(rb"(?:token=[A-Za-z0-9]*&)?ssl_check=1(?:&token=[A-Za-z0-9]*)?")
MOST_FIELDS = 64


class Proof:
    """Verifies requests with one signing secret."""

    def __init__(self, secret: SecretStr, clock: Clock | None = None) -> None:
        self._verifier = SignatureVerifier(secret.get_secret_value(), clock or Clock())

    def prove(self, headers: RawHeaders, body: bytes) -> None:
        """Raise DeliveryRefused (401) unless the body was signed with the secret, not more than five minutes from now."""
        stamp, signature = _header(headers, b"x-slack-request-timestamp", _TIMESTAMP), _header(headers, b"x-slack-signature", _SIGNATURE)
        try:
            is_valid = self._verifier.is_valid(body, stamp, signature)
        except UnicodeDecodeError:
            is_valid = False
        if not is_valid:
            raise DeliveryRefused(
                "the signature does not fit, or its time is more than five minutes away: BELLHOP_SLACK_SIGNING_SECRET must be the App's own, "
                "and this host's clock right", status=401, reason="signature_wrong",
            )


def _header(headers: RawHeaders, name: bytes, shape: re.Pattern[bytes]) -> str:
    try:
        value = only(headers, name)
    except DeliveryRefused as error:
        raise DeliveryRefused(str(error), status=401, reason="signature_repeated") from error
    if value is None or not shape.fullmatch(value):
        raise DeliveryRefused(f"the header {name.decode()} is missing or malformed", status=401, reason="signature_missing")
    return value.decode()


def is_ssl_check(body: bytes) -> bool:
    """Whether Slack only tries whether somebody is there."""
    return _SSL_CHECK.fullmatch(body) is not None


def body_of(content_type: bytes | None, body: bytes) -> dict[str, Any]:
    """Return what a request carries: an object of JSON, a form, or the JSON in a form's `payload`. Raises DeliveryRefused (400)."""
    found = _members(content_type, body)
    if not isinstance(found.get("type", found.get("command")), str) and "ssl_check" not in found:
        raise DeliveryRefused("the body does not say what it is", status=400, reason="bad_payload")
    return found


def _members(content_type: bytes | None, body: bytes) -> dict[str, Any]:
    if (content_type or b"").split(b";", 1)[0].strip().lower() == b"application/json" or body.startswith(b"{"):
        return load_object(body)
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise DeliveryRefused("the form cannot be read", status=400, reason="bad_form") from error
    found: dict[str, Any] = dict(fields)
    if len(found) != len(fields):
        raise DeliveryRefused("a field appears twice in the form", status=400, reason="bad_form")
    return load_object(found["payload"].encode()) if "payload" in found else found
