"""Asking a registry: its token for its own host only, redirects only to hosts that the operator's entry names."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import httpx

from app.execute.gateway.registry.entry import Entry
from app.execute.gateway.transport import answering

_TIMEOUT = httpx.Timeout(connect=10.0, read=60.0, write=30.0, pool=30.0)
_MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)

# What a client accepts is one of a few things; its own words are not passed on.
_ACCEPT = (
    (b"application/vnd.pypi.simple.v1+json", b"application/vnd.pypi.simple.v1+json, text/html;q=0.1"),
    (b"application/vnd.npm.install-v1+json", b"application/vnd.npm.install-v1+json, application/json;q=0.8"),
)
_TAG = re.compile(rb'(?:W/)?"[\x21\x23-\x7e]{1,200}"')
_DATE = re.compile(rb"[A-Za-z0-9:, +-]{10,40}")


class RedirectRefused(Exception):
    """The registry sent us to where its entry does not: the message names the host."""


class Answer(NamedTuple):
    """A registry's answer; `url` is where it came from in the end."""

    response: httpx.Response
    url: str


class Fetch:
    """Asks registries over the gateway's transport."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    @asynccontextmanager
    async def ask(
        self, entry: Entry, method: str, url: str, headers: list[tuple[bytes, bytes]], on_token: Callable[[], None]
    ) -> AsyncIterator[Answer]:
        """Yield the answer as soon as its headers are there; `on_token` is called before the token is sent.

        Raises httpx.TransportError, httpx.InvalidURL, RedirectRefused.
        """
        for _ in range(_MOST_REDIRECTS + 1):
            if not entry.names(url):
                raise RedirectRefused(host_of(url))
            credential = entry.credential(url)
            own = [*headers, (b"user-agent", b"bellhop"), (b"accept-encoding", b"identity")]
            if credential is not None:
                on_token()
                own.append((b"authorization", credential))
            request = httpx.Request(method, url, headers=own, extensions={"timeout": _TIMEOUT.as_dict()})
            async with answering(self._transport, request) as response:
                location = response.headers.get("location")
                if response.status_code not in _REDIRECTS or location is None:
                    yield Answer(response, url)
                    return
            try:
                url = urljoin(url, location)
            except ValueError:
                raise RedirectRefused(host_of(location)) from None
        raise RedirectRefused("itself, again and again")


def page_headers(sent: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return what passes of a client's headers to a registry: which form it wants, and which one it has."""
    named = {name.lower(): value for name, value in sent}
    accepted = named.get(b"accept", b"")
    passed = [(b"accept", next((ours for theirs, ours in _ACCEPT if theirs in accepted), b"*/*"))]
    for name, form in ((b"if-none-match", _TAG), (b"if-modified-since", _DATE)):
        if form.fullmatch(named.get(name, b"")):
            passed.append((name, named[name]))
    return passed


def host_of(url: str) -> str:
    """Return the host that an address names, for people."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    return host[:100] if host.isascii() and host.isprintable() and host else "an address that is none"
