"""An HTTP client for Linear that leaves this host as the operator says: through this proxy, trusting this CA bundle."""

from __future__ import annotations

import ssl

import httpx

from app.errors import ConfigurationError
from app.settings import Settings
from triggers.linear.connection import TIMEOUT_SECONDS
from triggers.linear.oauth import LinearGrants


def client(settings: Settings) -> httpx.Client:
    """Return a client that reads nothing from the environment. Raises ConfigurationError for a bad CA bundle."""
    bundle = settings.ca_bundle
    try:
        trusted = ssl.create_default_context(cafile=None if bundle is None else str(bundle))
    except OSError as error:
        raise ConfigurationError(f"BELLHOP_CA_BUNDLE ({bundle}) cannot be read as certificates in PEM form: {error}") from error
    return httpx.Client(verify=trusted, proxy=settings.outbound_proxy or None, trust_env=False, timeout=TIMEOUT_SECONDS, follow_redirects=False)


def grants(settings: Settings, http: httpx.Client) -> LinearGrants:
    """Return the OAuth endpoints of the settings' app. Raises ConfigurationError without one."""
    secret = settings.linear_client_secret
    if not settings.linear_client_id or not secret.get_secret_value():
        raise ConfigurationError(
            "Linear is set up to ring, but not to be answered: set BELLHOP_LINEAR_CLIENT_ID and BELLHOP_LINEAR_CLIENT_SECRET to those of your app at Linear"
        )
    return LinearGrants(http, api_url=settings.linear_api_url, web_url=settings.linear_web_url, client_id=settings.linear_client_id, client_secret=secret)
