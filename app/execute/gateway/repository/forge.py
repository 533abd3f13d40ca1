"""GitHub as this host's settings pin it: where its git and its REST API are, and how they take a token."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import httpx

from app.execute.gateway.repository.paths import Call, Surface
from app.execute.gateway.repository.token import ReadToken
from app.execute.gateway.transport import answering, outbound_transport, pinned_address
from app.settings import Settings

# A large fetch is counted and packed before its first byte comes.
_TIMEOUT = httpx.Timeout(connect=10.0, read=300.0, write=60.0, pool=10.0)

Raw = Iterable[tuple[bytes, bytes]]

# Allow-lists: no credential, no cookie, no method override, nothing hop-by-hop.
_ASKED: dict[Surface, frozenset[bytes]] = {
    "git": frozenset({b"accept", b"content-type", b"content-encoding", b"git-protocol"}),
    "github": frozenset({b"accept", b"if-none-match", b"if-modified-since", b"x-github-api-version"}),
}
_ANSWERED: dict[Surface, frozenset[bytes]] = {
    "git": frozenset({b"content-type", b"cache-control", b"expires", b"pragma", b"retry-after"}),
    "github": frozenset({
        b"content-type", b"etag", b"last-modified", b"retry-after", b"x-accepted-github-permissions", b"x-github-request-id",
        b"x-github-media-type",
    }),
}
_RATE = b"x-ratelimit-"


class Forge:
    """Sends admitted calls to the pinned addresses; follows no redirect. Raises ConfigurationError for a bad address."""

    def __init__(self, settings: Settings) -> None:
        self.urls: dict[Surface, str] = {
            "git": pinned_address(settings.github_web_url, "BELLHOP_GITHUB_WEB_URL"),
            "github": pinned_address(settings.github_api_url, "BELLHOP_GITHUB_API_URL"),
        }
        self._transport = outbound_transport(settings)

    @asynccontextmanager
    async def answer(self, call: Call, headers: Raw, token: ReadToken, body: bytes) -> AsyncIterator[httpx.Response]:
        """Send one call and yield the answer once its headers are there. Raises httpx.TransportError, ValueError."""
        url = httpx.URL(self.urls[call.surface] + call.path.decode() + (f"?{call.query.decode()}" if call.query else ""))
        # What was decided on and what is sent are the same bytes, or nothing is sent.
        if not url.raw_path.endswith(call.path + (b"?" + call.query if call.query else b"")):
            raise ValueError("the address would be sent in another spelling")
        sent = [*asked_headers(call.surface, headers), (b"authorization", authorization(call.surface, token))]
        request = httpx.Request(
            call.method, url, headers=sent, content=body or None, extensions={"timeout": _TIMEOUT.as_dict()}
        )
        async with answering(self._transport, request) as response:
            yield response

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.aclose()


def authorization(surface: Surface, token: ReadToken) -> bytes:
    """Return the Authorization header's value: git takes the token as a password.

    https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/authenticating-as-a-github-app-installation
    """
    if surface == "github":
        return b"Bearer " + token.value.encode()
    return b"Basic " + base64.b64encode(b"x-access-token:" + token.value.encode())


def asked_headers(surface: Surface, sent: Raw) -> list[tuple[bytes, bytes]]:
    """Return what passes of a sandbox's headers, each at most once, and no compression of the answer."""
    passed: dict[bytes, bytes] = {}
    for name, value in sent:
        lower = name.lower()
        if lower in _ASKED[surface] and lower not in passed:
            passed[lower] = value
    # Plain bytes only: the answer is searched for the token on its way.
    return [*passed.items(), (b"user-agent", b"bellhop"), (b"accept-encoding", b"identity")]


def answered_headers(surface: Surface, received: Raw, secrets: tuple[bytes, ...]) -> list[tuple[bytes, bytes]]:
    """Return what passes of GitHub's headers, none whose value holds one of `secrets`."""
    return [
        (name.lower(), value) for name, value in received
        if (name.lower() in _ANSWERED[surface] or (surface == "github" and name.lower().startswith(_RATE)))
        and not any(secret in value for secret in secrets)
    ]
