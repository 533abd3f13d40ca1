"""How the gateway reaches the outside: the settings' certificates and proxy, and nothing that it was not told."""

from __future__ import annotations

import logging
import ssl

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
    try:
        return httpx.AsyncHTTPTransport(
            verify=trusted(settings), trust_env=False, limits=_LIMITS, proxy=settings.outbound_proxy
        )
    except (ValueError, httpx.InvalidURL):
        raise ConfigurationError("BELLHOP_OUTBOUND_PROXY is not an http:// or https:// address") from None


def trusted(settings: Settings) -> ssl.SSLContext:
    """Return what says which certificates are believed. Raises ConfigurationError."""
    try:
        context = httpx.create_ssl_context(trust_env=False)
        if settings.ca_bundle is not None:
            context.load_verify_locations(settings.ca_bundle)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"BELLHOP_CA_BUNDLE {settings.ca_bundle} cannot be read: {error}") from None
    return context
