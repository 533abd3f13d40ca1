"""What signing in with GitHub needs."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pydantic import SecretStr

from app.errors import ConfigurationError


class SigninOptions(NamedTuple):
    """The App's own client at GitHub, where GitHub and the pages are, and what leaves this host; `cookie_key` signs (empty: one is derived)."""

    client_id: str
    client_secret: SecretStr
    web_url: str
    api_url: str
    public_url: str
    cookie_key: SecretStr = SecretStr("")
    ca_bundle: Path | None = None
    proxy: str | None = None

    @property
    def callback_url(self) -> str:
        """Where GitHub sends browsers back to, whatever the Host header of anybody says."""
        return f"{self.public_url.rstrip('/')}/signin/callback"

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach the pages by TLS."""
        return self.public_url.startswith("https://")


def checked(options: SigninOptions) -> SigninOptions | None:
    """Return the options, or None where nobody is to sign in. Raises ConfigurationError for a part of them."""
    secret = options.client_secret.get_secret_value().strip()
    if not options.client_id and not secret:
        return None
    if not options.client_id or not secret:
        raise ConfigurationError(
            "signing in with GitHub needs both BELLHOP_GITHUB_CLIENT_ID and BELLHOP_GITHUB_CLIENT_SECRET: set the other too, or neither"
        )
    if not options.public_url:
        raise ConfigurationError("signing in with GitHub needs BELLHOP_PUBLIC_URL: it is where GitHub sends people back to")
    return options
