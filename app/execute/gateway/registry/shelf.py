"""What the doors of one gateway share for registries: entries, connections, cache, and what metadata has stated."""

from __future__ import annotations

import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Mapping

import anyio
import httpx

from app.execute.gateway.registry.cache import Cache
from app.execute.gateway.registry.download import Downloads
from app.execute.gateway.registry.entry import Entry
from app.execute.gateway.registry.fetch import Fetch
from app.execute.gateway.registry.links import Stated

# So many digests, of some 250 bytes each in memory; the oldest are forgotten.
_STATED = 200_000
_TEMPLATE_SECONDS = 300.0
_HEX = re.compile(r"(?:[0-9a-f]{2}){20,64}")


class Shelf:
    """Made once per gateway; `parsing` bounds how many pages are taken apart at a time."""

    def __init__(self, entries: Mapping[str, Entry], transport: httpx.AsyncBaseTransport, cache: Cache) -> None:
        self.entries = entries
        self.cache = cache
        self.fetch = Fetch(transport)
        self.downloads = Downloads(self.fetch, cache)
        self.parsing = anyio.CapacityLimiter(2)
        self._transport = transport
        self._stated: OrderedDict[bytes, tuple[str, bytes]] = OrderedDict()
        self._templates: dict[str, tuple[float, str]] = {}

    def note(self, entry: Entry, stated: Stated) -> None:
        """Remember what a registry's metadata states of its artifacts."""
        for url, (algorithm, digest) in stated.items():
            if _HEX.fullmatch(digest):
                key = _key(entry, url)
                self._stated[key] = (algorithm, bytes.fromhex(digest))
                self._stated.move_to_end(key)
        while len(self._stated) > _STATED:
            self._stated.popitem(last=False)

    def stated(self, entry: Entry, url: str) -> tuple[str, str] | None:
        """Return what the registry's metadata last stated of an artifact since this gateway started."""
        found = self._stated.get(_key(entry, url))
        return None if found is None else (found[0], found[1].hex())

    def template(self, entry: Entry) -> str | None:
        """Return the crates' `dl` if it was read lately."""
        at, template = self._templates.get(entry.name, (0.0, ""))
        return template if template and time.monotonic() - at < _TEMPLATE_SECONDS else None

    def note_template(self, entry: Entry, template: str) -> None:
        """Remember the crates' `dl` for a while."""
        self._templates[entry.name] = (time.monotonic(), template)

    async def close(self) -> None:
        """Give up what is on its way and close every connection."""
        await self.downloads.close()
        await self._transport.aclose()


def _key(entry: Entry, url: str) -> bytes:
    return hashlib.sha256(f"{entry.name}\n{url}".encode()).digest()[:16]
