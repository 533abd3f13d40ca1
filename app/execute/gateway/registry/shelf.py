"""What the doors of one gateway share for registries: entries, connections, cache, and what metadata has stated."""

from __future__ import annotations

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

_STATED = 500_000
_TEMPLATE_SECONDS = 300.0


class Shelf:
    """Made once per gateway; `parsing` bounds how many pages are taken apart at a time."""

    def __init__(self, entries: Mapping[str, Entry], transport: httpx.AsyncBaseTransport, cache: Cache) -> None:
        self.entries = entries
        self.cache = cache
        self.fetch = Fetch(transport)
        self.downloads = Downloads(self.fetch, cache)
        self.parsing = anyio.CapacityLimiter(2)
        self._transport = transport
        self._stated: OrderedDict[tuple[str, str], tuple[str, str]] = OrderedDict()
        self._templates: dict[str, tuple[float, str]] = {}

    def note(self, entry: Entry, stated: Stated) -> None:
        """Remember what a registry's metadata states of its artifacts."""
        for url, digest in stated.items():
            self._stated[entry.name, url] = digest
            self._stated.move_to_end((entry.name, url))
        while len(self._stated) > _STATED:
            self._stated.popitem(last=False)

    def stated(self, entry: Entry, url: str) -> tuple[str, str] | None:
        """Return what the registry's metadata last stated of an artifact since this gateway started."""
        return self._stated.get((entry.name, url))

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
