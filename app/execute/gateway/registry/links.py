"""Addresses in a registry's metadata, made to lead to the door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urldefrag, urlsplit

from app.execute.gateway.registry.entry import Entry
from app.execute.gateway.registry.paths import admit, plain, written

# The upstream address of an artifact, to the algorithm and digest (hex) that the metadata states of it.
Stated = Mapping[str, tuple[str, str]]


class Page(NamedTuple):
    """Metadata as the sandbox gets it, and what it states of artifacts."""

    body: bytes
    stated: Stated
    content_type: str


class PageRefused(Exception):
    """The registry's answer is not what its kind should say; the message says what is wrong."""


class Links(NamedTuple):
    """The links of one page of a registry, seen from the door at `base` (`http://127.0.0.1:4117`).

    `for_npm` says that npm itself asks. It writes the addresses of tarballs into `package-lock.json`, which others will
    read, so they stay as they are: npm, told so, puts the door's host in their place when it fetches them.
    """

    entry: Entry
    base: str
    for_npm: bool = False

    def root(self) -> str:
        """Return the registry's address at the door, without a trailing slash."""
        return f"{self.base}/registry/{self.entry.name}"

    def file(self, url: str) -> tuple[str, str] | None:
        """Return an artifact's upstream address and the one at the door (its fragment kept), or None: it is not served."""
        bare, fragment = urldefrag(url)
        kind = self.entry.registry.kind
        if urlsplit(bare).query:
            return None
        for number, address in enumerate(self.entry.registry.addresses):
            if not bare.startswith(address):
                continue
            path = plain(bare.removeprefix(address).encode("ascii", "replace"), scoped=kind == "npm")
            if path is None:
                continue
            own = f"files/{number}/" if kind == "pypi" else f"-/files/{number}/"
            for prefix in ("", own) if kind == "npm" and number == 0 else (own,):
                there = prefix + written(path)
                wanted = admit(self.entry.registry, there.encode())
                if wanted is not None and wanted.what == "file":
                    shown = f"{self.root()}/{there}"
                    return address + wanted.path, f"{shown}#{fragment}" if fragment else shown
        return None
