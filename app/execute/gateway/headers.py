"""Which headers pass between a sandbox and a model API: allow-lists, so that what nobody thought of stays out."""

from __future__ import annotations

from collections.abc import Iterable

from app.execute.gateway.admit import Api

Raw = Iterable[tuple[bytes, bytes]]

# No credential, no account selection (openai-organization, openai-project), no cookie, nothing hop-by-hop; no idempotency-key
# either: all runs share the account, so that one could be answered with what another was told.
_REQUEST = frozenset({
    b"content-type", b"accept", b"user-agent", b"anthropic-version", b"anthropic-beta", b"openai-beta",
})
_CREDENTIAL: dict[Api, tuple[bytes, bytes]] = {
    "anthropic": (b"x-api-key", b""), "openai": (b"authorization", b"Bearer "), "gemini": (b"x-goog-api-key", b""),
}
# retry-after-ms and x-should-retry steer the vendors' own clients.
_RESPONSE = frozenset({
    b"content-type", b"retry-after", b"retry-after-ms", b"x-should-retry", b"request-id", b"x-request-id",
})
_RESPONSE_PREFIXES = (b"anthropic-ratelimit-", b"x-ratelimit-")


def request_headers(api: Api, sent: Raw, key: str) -> list[tuple[bytes, bytes]]:
    """Return the headers for the upstream: what may pass of `sent`, the real key, and no compression.

    https://docs.anthropic.com/en/api/overview#authentication, https://platform.openai.com/docs/api-reference/authentication,
    https://ai.google.dev/gemini-api/docs/api-key
    """
    passed: dict[bytes, bytes] = {}
    for name, value in sent:
        lower = name.lower()
        if lower in _REQUEST:
            passed[lower] = passed[lower] + b", " + value if lower in passed else value
    passed = {each: value for each, value in passed.items() if _is_text(value)}
    name, before = _CREDENTIAL[api]
    # Plain bytes only: the stream is metered and searched for the key on its way.
    return [*passed.items(), (name, before + key.encode()), (b"accept-encoding", b"identity")]


def _is_text(value: bytes) -> bool:
    # h11 lets more through than aiohttp sends.
    return all(byte == 0x09 or 0x20 <= byte < 0x7F for byte in value)


def response_headers(received: Raw, key: str) -> list[tuple[bytes, bytes]]:
    """Return the headers for the sandbox: what may pass of `received`, none whose value holds the key."""
    return [
        (name.lower(), value)
        for name, value in received
        if (name.lower() in _RESPONSE or name.lower().startswith(_RESPONSE_PREFIXES)) and key.encode() not in value
    ]
