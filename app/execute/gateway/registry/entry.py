"""One registry as the gateway knows it: its addresses, its token, and where that token may go."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from app.core.sandbox.registry import Registry
from app.errors import ConfigurationError

TOKEN_FILE_BYTES = 16 * 1024


class Entry:
    """A registry, what it is called and its token (empty: none)."""

    def __init__(self, name: str, registry: Registry, token: str) -> None:
        self.name = name
        self.registry = registry
        self._token = token
        self._origins = frozenset(origin(address) for address in registry.addresses)

    def __repr__(self) -> str:
        return f"Entry({self.name})"

    @property
    def fingerprint(self) -> str:
        """A name for the token that may be logged; `-` without one."""
        return "sha256:" + hashlib.sha256(self._token.encode()).hexdigest()[:16] if self._token else "-"

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """Every spelling of the token that the registry is told, and may say again."""
        if not self._token:
            return ()
        spellings = (self._token, self._header().rpartition(" ")[2])
        return tuple(dict.fromkeys(spelling.encode() for spelling in spellings))

    def names(self, url: str) -> bool:
        """Return whether the operator's entry names the host of `url`: scheme, host and port."""
        try:
            return origin(url) in self._origins and "@" not in urlsplit(url).netloc
        except ValueError:
            return False

    def credential(self, url: str) -> bytes | None:
        """Return the `Authorization` for `url`, which only the index's own host is given."""
        return self._header().encode() if self._token and origin(url) == origin(self.registry.url) else None

    def _header(self) -> str:
        """Return the header's value.

        https://docs.npmjs.com/cli/configuring-npm/npmrc#auth-related-configuration, https://doc.rust-lang.org/cargo/reference/registry-authentication.html
        """
        if self.registry.auth == "basic":
            return "Basic " + base64.b64encode(f"{self.registry.user or '__token__'}:{self._token}".encode()).decode()
        return f"Bearer {self._token}" if self.registry.auth == "bearer" else self._token


def origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port. Raises ValueError for what is no address."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def entries(registries: Mapping[str, Registry], variable: Callable[[str], SecretStr]) -> dict[str, Entry]:
    """Return the registries with their tokens; `variable` reads an environment variable. Raises ConfigurationError."""
    return {name: Entry(name, registry, _token(name, registry, variable)) for name, registry in registries.items()}


def _token(name: str, registry: Registry, variable: Callable[[str], SecretStr]) -> str:
    if registry.token_env:
        token, where = variable(registry.token_env).get_secret_value(), registry.token_env
    elif registry.token_file:
        where = registry.token_file
        try:
            with Path(where).open("rb") as file:
                token = file.read(TOKEN_FILE_BYTES).decode("ascii").strip()
        except (OSError, UnicodeDecodeError):
            raise ConfigurationError(f"registry {name}: its token-file {where} cannot be read by the gateway") from None
    else:
        return ""
    if len(token) < 8 or not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigurationError(f"registry {name}: {where} holds no token (8 or more letters and signs, no space)")
    return token
