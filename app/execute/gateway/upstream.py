"""The model APIs as this host's settings pin them: one address and one key each, and no way to another."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import anyio
import httpx

from app.errors import ConfigurationError
from app.execute.gateway.admit import Api, Target
from app.execute.gateway.pauses import Pauses
from app.execute.gateway.transport import answering, outbound_transport, pinned_address
from app.settings import Settings

_TIMEOUT = httpx.Timeout(connect=10.0, read=300.0, write=60.0, pool=10.0)


class Account(NamedTuple):
    """One model API: `url` without a trailing slash, `key` (empty: none is set), the settings' names for both."""

    url: str
    key: str
    url_setting: str
    key_setting: str

    @property
    def fingerprint(self) -> str:
        """A name for the key that may be logged."""
        return "sha256:" + hashlib.sha256(self.key.encode()).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"Account({self.url})"


class Upstream:
    """Sends admitted requests to the pinned addresses; follows no redirect, keeps no cookie, reads no environment.

    Raises ConfigurationError for an address or a key that cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self.accounts: dict[Api, Account] = {
            "anthropic": _account(settings.anthropic_api_url, settings.anthropic_api_key.get_secret_value(),
                                  "BELLHOP_ANTHROPIC_API_URL", "ANTHROPIC_API_KEY"),
            "openai": _account(settings.openai_api_url, settings.openai_api_key.get_secret_value(),
                               "BELLHOP_OPENAI_API_URL", "OPENAI_API_KEY"),
            "gemini": _account(settings.gemini_api_url, settings.gemini_api_key.get_secret_value(),
                               "BELLHOP_GEMINI_API_URL", "GEMINI_API_KEY"),
        }
        self.pauses = Pauses()
        # One body is looked at at a time, whichever sandbox it comes from: it can take ten times its size in memory.
        self.parsing = anyio.CapacityLimiter(1)
        self._transport = outbound_transport(settings)

    @asynccontextmanager
    async def answer(self, target: Target, headers: list[tuple[bytes, bytes]], body: bytes) -> AsyncIterator[httpx.Response]:
        """Send one request and yield the answer as soon as its headers are there. Raises httpx.TransportError."""
        url = self.accounts[target.api].url + target.path + (f"?{target.query}" if target.query else "")
        request = httpx.Request(
            target.method, url, headers=headers, content=body or None, extensions={"timeout": _TIMEOUT.as_dict()}
        )
        async with answering(self._transport, request) as response:
            yield response

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.aclose()


def _account(url: str, key: str, url_setting: str, key_setting: str) -> Account:
    address = pinned_address(url, url_setting)
    key = key.strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError(f"{key_setting} holds characters that no key has: set it again")
    return Account(address, key, url_setting, key_setting)
