"""An HTTP client that leaves this host as the operator says: through this proxy, trusting this CA bundle."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx

from app.errors import ConfigurationError


def client(base_url: str, *, ca_bundle: Path | None, proxy: str | None, timeout_seconds: float) -> httpx.Client:
    """Return a client that reads nothing from the environment. Raises ConfigurationError for a bad CA bundle."""
    try:
        trusted = ssl.create_default_context(cafile=None if ca_bundle is None else str(ca_bundle))
    except OSError as error:
        raise ConfigurationError(
            f"BELLHOP_CA_BUNDLE ({ca_bundle}) cannot be read as certificates in PEM form: {error}"
        ) from error
    return httpx.Client(
        base_url=base_url.rstrip("/"),
        verify=trusted,
        proxy=proxy or None,
        trust_env=False,
        timeout=timeout_seconds,
        follow_redirects=False,
        headers={
            "Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28", "User-Agent": "bellhop",
        },
    )
