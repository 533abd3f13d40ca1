"""A package registry as the operator's settings name it: where it is, who it is for, and never its token itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints

from app.core.section import Section

RegistryKind = Literal["pypi", "npm", "debian", "crates", "go"]
Auth = Literal["bearer", "basic", "plain"]

# Only variables that are called so are read: a file of settings must not be able to name the App's key as a token.
VARIABLE = r"^BELLHOP_REGISTRY_TOKEN_[A-Z0-9_]{1,60}$"


def _address(value: str) -> str:
    """Return an address with a trailing slash. Raises ValueError."""
    try:
        parts = urlsplit(value)
        port_is_good = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_good = urlsplit(""), False
    if (parts.scheme not in ("http", "https") or not parts.hostname or not port_is_good or parts.query or parts.fragment
            or "@" in parts.netloc or not value.isascii() or not value.isprintable() or " " in value or "%" in value
            or any(part in (".", "..") for part in parts.path.split("/"))):
        raise ValueError("must be an address such as https://registry.example/path/, without a name or a password in it")
    return value.rstrip("/") + "/"


Address = Annotated[str, AfterValidator(_address)]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$")]


class Registry(Section):
    """One registry; what it is called is its key in the file.

    `url` is the index that clients are pointed at (pypi: the simple index; npm, go: the registry; crates: the sparse index;
    debian: the directory that holds `dists/`); `files` are further addresses that its index links or redirects to: no other
    is followed. The token is in the environment variable or the file that is named, and goes to `url`'s host only.
    `suites`, `components` and `signed_by` (a keyring in the image) are Debian's; `scope` is npm's.
    """

    kind: RegistryKind
    url: Address
    files: tuple[Address, ...] = ()
    token_env: Annotated[str, Field(pattern=VARIABLE)] | None = None
    token_file: str | None = None
    auth: Auth = "bearer"
    user: Annotated[str, StringConstraints(pattern=r"^[!-9;-~]{1,100}$")] | None = None
    suites: tuple[Word, ...] = ()
    components: tuple[Word, ...] = ("main",)
    signed_by: Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._/+-]{1,200}$")] | None = None
    scope: Annotated[str, StringConstraints(pattern=r"^@[a-z0-9~-][a-z0-9._~-]{0,100}$")] | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address that the gateway may ask, each with a trailing slash; the first is the index."""
        return (self.url, *self.files)


def faults(registry: Registry) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each thing that fits the form and would never work: the key's way from the entry, and what is wrong."""
    if registry.token_env and registry.token_file:
        yield ("token-file",), "stands beside token-env: name one of the two"
    if registry.user and registry.auth != "basic":
        yield ("user",), "belongs to `auth: basic`"
    if registry.kind == "debian" and not registry.suites:
        yield ("suites",), "is missing: the suites that apt reads, such as [stable]"
    if registry.kind != "debian" and registry.suites:
        yield ("suites",), "belongs to kind debian"
    if registry.kind != "debian" and registry.signed_by:
        yield ("signed-by",), "belongs to kind debian"
    if registry.kind != "npm" and registry.scope:
        yield ("scope",), "belongs to kind npm"
