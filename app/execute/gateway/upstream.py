"""The model APIs as this host's settings pin them: one address and one key each, and no way to another."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import NamedTuple

import aiohttp
import anyio
from yarl import URL

from app.errors import ConfigurationError
from app.execute.gateway.admit import Api, Target
from app.execute.gateway.connector import QuietConnector
from app.execute.gateway.pauses import Pauses
from app.execute.gateway.transport import pinned_address, proxy_address, trusted
from app.settings import Settings

# `connect` is the wait for a free connection; no limit on the whole: a stream may go on for as long as something comes.
_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=20.0, sock_connect=10.0, sock_read=300.0)
_MAX_CONNECTIONS = 500
_KEEP_ALIVE_SECONDS = 30.0
_OWN_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
# One line of an answer's head: a proxy of the operator's may say more than aiohttp's 8 KB.
_HEAD_LINE_BYTES = 64 * 1024
# A ValueError is an address or a header that aiohttp does not take.
_FAILURES = (aiohttp.ClientError, OSError, TimeoutError, ValueError)


class UpstreamFailed(Exception):
    """A model API could not be asked, or broke off; `kind` is the error's name alone, because its text may quote a header."""

    def __init__(self, error: BaseException) -> None:
        self.kind = type(error).__name__
        super().__init__(str(error))


class Answer:
    """A model API's answer: its head, and its body as it comes."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers
        self.raw_headers = response.raw_headers

    @property
    def is_plain(self) -> bool:
        """Whether the body is what was said, and nothing that must be unpacked first."""
        headers = self._response.headers
        codings = ",".join((*headers.getall("content-encoding", ()), *headers.getall("transfer-encoding", ())))
        return {coding.strip().lower() for coding in codings.split(",")} <= {"", "identity", "chunked"}

    async def body(self) -> AsyncIterator[bytes]:
        """Yield what comes, as soon as it is there. Raises UpstreamFailed."""
        try:
            async for data in self._response.content.iter_any():
                yield data
        except _FAILURES as error:
            raise UpstreamFailed(error) from error


@contextmanager
def _broken_with_its_connection(response: aiohttp.ClientResponse) -> Iterator[None]:
    """Have the body fail when its connection ends: of a chunk that is none, aiohttp tells whoever waits for it nothing."""
    connection, content = response.connection, response.content
    closed = connection.protocol.closed if connection is not None and connection.protocol is not None else None

    def fail(_: asyncio.Future[None]) -> None:
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError("the answer broke off"))

    if closed is None:
        yield
        return
    # Once for a connection, however many answers come by it.
    closed.remove_done_callback(_look_at)
    closed.add_done_callback(_look_at)
    closed.add_done_callback(fail)
    try:
        yield
    finally:
        closed.remove_done_callback(fail)


def _look_at(ended: asyncio.Future[None]) -> None:
    # Or asyncio complains in the log of an error that nobody looked at.
    if not ended.cancelled():
        ended.exception()


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
        self._trusted = trusted(settings)
        self._proxy = proxy_address(settings)
        self._opened: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def answer(self, target: Target, headers: list[tuple[bytes, bytes]], body: bytes) -> AsyncIterator[Answer]:
        """Send one request and yield the answer as soon as its headers are there. Raises UpstreamFailed."""
        url = self.accounts[target.api].url + target.path + (f"?{target.query}" if target.query else "")
        try:
            response = await self._session().request(
                target.method, URL(url, encoded=True), data=body or None, allow_redirects=False, proxy=self._proxy,
                headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers],
            )
        except _FAILURES as error:
            raise UpstreamFailed(error) from error
        try:
            with _broken_with_its_connection(response):
                yield Answer(response)
        finally:
            # One that is read to its end has given its connection back already; any other has it closed.
            response.close()

    def _session(self) -> aiohttp.ClientSession:
        """Return what requests are sent with: it adds no header, keeps no cookie, reads no environment, unpacks nothing."""
        if self._opened is None:
            # Not in __init__: it belongs to the loop that runs.
            self._opened = aiohttp.ClientSession(
                connector=QuietConnector(ssl=self._trusted, limit=_MAX_CONNECTIONS, keepalive_timeout=_KEEP_ALIVE_SECONDS),
                timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False,
                skip_auto_headers=_OWN_HEADERS, max_line_size=_HEAD_LINE_BYTES, max_field_size=_HEAD_LINE_BYTES,
            )
        return self._opened

    async def close(self) -> None:
        """Close every connection."""
        if self._opened is not None:
            await self._opened.close()


def _account(url: str, key: str, url_setting: str, key_setting: str) -> Account:
    address = pinned_address(url, url_setting)
    key = key.strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError(f"{key_setting} holds characters that no key has: set it again")
    return Account(address, key, url_setting, key_setting)
