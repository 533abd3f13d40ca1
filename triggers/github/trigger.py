"""One GitHub delivery: verified over its raw bytes, then unwrapped, then parsed."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from pydantic import SecretStr

from app.core.event import Parsed
from app.errors import ConfigurationError, DeliveryRefused
from app.ports import RawHeaders
from triggers.github.happening import SOURCE
from triggers.github.parse import parse
from triggers.github.signature import verify
from triggers.headers import only
from triggers.strict_json import load_object

_EVENT = re.compile(r"[a-z0-9_]{1,64}")
_DELIVERY = re.compile(r"[A-Za-z0-9._:\-]{1,128}")


class GitHubTrigger:
    """The Trigger for GitHub; `secret` is the webhook's. Raises ConfigurationError when it is empty."""

    source = SOURCE

    def __init__(self, secret: SecretStr) -> None:
        if not secret.get_secret_value().strip():
            raise ConfigurationError(
                "the GitHub webhook secret is empty, so anybody could ring: set BELLHOP_GITHUB_WEBHOOK_SECRET "
                "to the secret of your GitHub App's webhook"
            )
        self._secret = secret.get_secret_value().encode()

    def receive(self, headers: RawHeaders, body: bytes) -> Parsed:
        """Verify and parse one delivery. Raises DeliveryRefused (401 before anything is read, then 400)."""
        verify(self._secret, headers, body)
        event = _named(headers, b"x-github-event", _EVENT)
        delivery_key = _named(headers, b"x-github-delivery", _DELIVERY)
        return self.read(event, delivery_key, _json_of(only(headers, b"content-type"), body))

    def read(self, kind: str, delivery_key: str, body: bytes) -> Parsed:
        """Parse the JSON `body` of an event called `kind`, such as `issues`. Raises DeliveryRefused (400)."""
        return parse(kind, delivery_key, load_object(body))


def _named(headers: RawHeaders, name: bytes, shape: re.Pattern[str]) -> str:
    value = only(headers, name)
    if value is None or not shape.fullmatch(text := value.decode("latin-1")):
        raise DeliveryRefused(
            f"the header {name.decode()} is missing or malformed", status=400, reason="header_missing"
        )
    return text


def _json_of(content_type: bytes | None, body: bytes) -> bytes:
    media_type = (content_type or b"").split(b";", 1)[0].strip().lower()
    if media_type == b"application/json":
        return body
    if media_type != b"application/x-www-form-urlencoded":
        raise DeliveryRefused(
            "the content type must be application/json or application/x-www-form-urlencoded",
            status=400, reason="content_type",
        )
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=8)
    except ValueError as error:
        raise DeliveryRefused("the form cannot be read", status=400, reason="bad_form") from error
    if len(fields) != 1 or fields[0][0] != "payload":
        raise DeliveryRefused("the form must hold one field, `payload`", status=400, reason="bad_form")
    # A lone surrogate cannot come out of strict percent-decoding.
    return fields[0][1].encode()
