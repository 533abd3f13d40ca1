"""How the gateway reaches the outside: the settings' certificates and proxy, and nothing that it was not told."""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx

from app.errors import ConfigurationError
from app.settings import Settings

_LIMITS = httpx.Limits(max_connections=500, max_keepalive_connections=50, keepalive_expiry=30.0)


def outbound_transport(settings: Settings) -> httpx.AsyncHTTPTransport:
    """Return a transport that follows no redirect, keeps no cookie and reads no environment.

    A bare transport rather than a client: a client adds headers, keeps cookies and can follow redirects.
    Raises ConfigurationError.
    """
    # Its debug lines quote the answer's headers, where an echoing upstream may have put a credential.
    logging.getLogger("httpcore").setLevel(logging.WARNING)
    return httpx.AsyncHTTPTransport(verify=trusted(settings), trust_env=False, limits=_LIMITS, proxy=proxy_address(settings))


def proxy_address(settings: Settings) -> str | None:
    """Return the address of the proxy that everything leaves by, or None. Raises ConfigurationError."""
    if not settings.outbound_proxy:
        return None
    try:
        parsed = httpx.URL(settings.outbound_proxy)
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ConfigurationError("BELLHOP_OUTBOUND_PROXY is not an http:// or https:// address")
    return settings.outbound_proxy


@asynccontextmanager
async def answering(transport: httpx.AsyncBaseTransport, request: httpx.Request) -> AsyncIterator[httpx.Response]:
    """Send a request, yield the answer as soon as its headers are there, and let go of it. Raises httpx.TransportError."""
    response = await transport.handle_async_request(request)
    try:
        yield response
    finally:
        with anyio.CancelScope(shield=True), anyio.move_on_after(5):
            await response.aclose()


def pinned_address(url: str, setting: str) -> str:
    """Return an address that requests are sent below, without a slash at its end. Raises ConfigurationError."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo or parsed.query or parsed.fragment:
        raise ConfigurationError(f"{setting} must be an address such as https://host or https://host/path")
    return url.rstrip("/")


def trusted(settings: Settings) -> ssl.SSLContext:
    """Return what says which certificates are believed. Raises ConfigurationError."""
    try:
        # The system's, as for GitHub and git: httpx's own choice knows no authority that a company has added there.
        context = ssl.create_default_context()
        if settings.ca_bundle is not None:
            context.load_verify_locations(settings.ca_bundle)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"BELLHOP_CA_BUNDLE {settings.ca_bundle} cannot be read: {error}") from None
    return context
