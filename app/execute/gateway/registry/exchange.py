"""One request for a registry, admitted, and the answer to it."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from urllib.parse import unquote

import anyio
import httpx
from anyio import to_thread
from starlette.responses import Response
from starlette.types import Scope, Send

from app.execute.gateway.allowance import Share
from app.execute.gateway.redact import Redactor
from app.execute.gateway.registry.answers import error, no_answer, upstream_error
from app.execute.gateway.registry.crates_page import config_page, download_template, download_url, index_page
from app.execute.gateway.registry.download import FILE_SECONDS, Failure
from app.execute.gateway.registry.fetch import RedirectRefused, host_of, page_headers
from app.execute.gateway.registry.links import Links, Page, PageRefused
from app.execute.gateway.registry.npm_page import npm_page
from app.execute.gateway.registry.paths import Wanted
from app.execute.gateway.registry.pypi_page import pypi_page
from app.execute.gateway.registry.reading import Spoiled, kept_chunks
from app.execute.gateway.registry.shelf import Shelf

PAGE_BYTES = 64 * 1024 * 1024
LIST_BYTES = 1024 * 1024 * 1024
# Taken apart, a page of little but members takes thirty times its size in memory, and every door waits while it is read.
_MOST_MARKS = ((b"{", 2_000_000), (b"[", 2_000_000), (b",", 6_000_000), (b"<", 1_000_000))
_PAGE_SECONDS = 120.0
_LIST_SECONDS = 900.0
# A client that takes nothing for this long is gone.
_SEND_SECONDS = 120.0
_PASSED = (b"content-type", b"etag", b"last-modified", b"cache-control")


class Exchange:
    """`status` is what the registry said (0: it was not asked, or did not say), `denied` what Bellhop refused of it.

    `silent` is why it could not be asked, where that is so.
    """

    def __init__(
        self, shelf: Shelf, links: Links, wanted: Wanted, share: Share, send: Send, parsing: anyio.Lock
    ) -> None:
        self.used_token = False
        self.status = 0
        self.denied = ""
        self.silent = ""
        self._shelf = shelf
        self._links = links
        self._entry = links.entry
        self._wanted = wanted
        self._share = share
        self._send = send
        self._parsing = parsing
        self._started = False

    async def run(self, scope: Scope) -> Response | None:
        """Answer, or return the error to answer with; after the first byte there is none, and the connection ends short."""
        failure: Response | None = None
        try:
            await self._run(scope)
        except RedirectRefused as refused:
            self.denied = f"redirect to {refused}: not in its entry"
            failure = error(502, "bellhop_refused", f"registry {self._entry.name}: {self.denied}")
        except PageRefused as refused:
            failure = upstream_error(0, self._entry.name, str(refused))
        except Failure as failed:
            self.status = failed.status
            self.denied = failed.why if failed.denied else ""
            self.silent = failed.why if failed.silent else ""
            failure = upstream_error(failed.status, self._entry.name, failed.why, failed.retry_after)
        except (httpx.TransportError, httpx.StreamError, httpx.InvalidURL) as failed:
            self.silent = no_answer(failed)
            failure = upstream_error(0, self._entry.name, self.silent)
        except TimeoutError:
            self.silent = "took too long"
            failure = upstream_error(0, self._entry.name, self.silent)
        except OSError:
            failure = error(507, "bellhop_disk", "the gateway's disk does not take it")
        return None if self._started else failure

    async def _run(self, scope: Scope) -> None:
        addresses, head = self._entry.registry.addresses, scope["method"] == "HEAD"
        if self._wanted.address >= len(addresses):
            raise Failure(404, "the registry's entry has no such address")
        url = addresses[self._wanted.address] + self._wanted.path
        if self._wanted.what == "page":
            await self._page(url, page_headers(scope["headers"]), head=head)
        elif self._wanted.what == "list":
            await self._list(url, page_headers(scope["headers"]), head=head)
        elif self._wanted.what == "crate":
            stated = self._shelf.stated(self._entry, self._wanted.path)
            await self._file(await self._crate_url(stated), stated, head=head)
        else:
            await self._file(url, self._wanted.stated or self._shelf.stated(self._entry, url), head=head)

    async def _page(self, url: str, headers: list[tuple[bytes, bytes]], *, head: bool) -> None:
        if self._entry.registry.kind == "crates" and self._wanted.path == "config.json":
            # Made here: all that a client needs of it is where the door is.
            await self._send_page(config_page(self._links), [], head=head)
            return
        with anyio.fail_after(_PAGE_SECONDS):
            answered, body, received = await self._whole(url, headers)
        if received.status_code == 304:
            await self._start(304, self._passed(received))
            await self._part(b"", last=True)
            return
        async with self._parsing:
            page = await to_thread.run_sync(self._rewritten, answered, received.headers.get("content-type", ""), body,
                                            limiter=self._shelf.parsing)
        self._shelf.note(self._entry, page.stated)
        passed = [(name, value) for name, value in self._passed(received) if name != b"content-type"]
        await self._send_page(page, passed, head=head)

    def _rewritten(self, url: str, content_type: str, body: bytes) -> Page:
        if any(body.count(mark) > most for mark, most in _MOST_MARKS):
            raise PageRefused("its metadata has more members than this gateway reads")
        for secret in self._entry.secrets:
            body = body.replace(secret, b"[redacted]")
        if self._entry.registry.kind == "pypi":
            return pypi_page(self._links, url, content_type, body)
        if self._entry.registry.kind == "npm":
            package = re.match(r"(?:@[^/]+/)?[^/]+", unquote(self._wanted.path))
            return npm_page(self._links, package[0] if package else "", content_type, body)
        return index_page(self._wanted.path.rpartition("/")[2], body)

    async def _send_page(self, page: Page, passed: list[tuple[bytes, bytes]], *, head: bool) -> None:
        headers = [*passed, (b"content-type", page.content_type.encode()), (b"content-length", str(len(page.body)).encode())]
        await self._start(200, headers)
        await self._part(b"" if head else page.body, last=True)

    async def _whole(self, url: str, headers: list[tuple[bytes, bytes]]) -> tuple[str, bytes, httpx.Response]:
        """Return where the answer came from, its body, and itself. Raises Failure."""
        async with self._shelf.fetch.ask(self._entry, "GET", url, headers, self._token_used) as answer:
            self._note(answer.response)
            body = bytearray()
            async for chunk in answer.response.aiter_raw():
                if len(body) + len(chunk) > PAGE_BYTES:
                    raise Failure(0, "its metadata is larger than this gateway reads")
                if not self._share.take(len(chunk)):
                    raise Failure(503, "this sandbox asks for too much at once")
                body += chunk
            return answer.url, bytes(body), answer.response

    async def _list(self, url: str, headers: list[tuple[bytes, bytes]], *, head: bool) -> None:
        with anyio.fail_after(_LIST_SECONDS):
            async with self._shelf.fetch.ask(self._entry, "HEAD" if head else "GET", url, headers, self._token_used) as answer:
                self._note(answer.response)
                passed = self._passed(answer.response)
                length = answer.response.headers.get("content-length")
                # With a token in play the length can change: what echoes it is masked.
                if length and length.isdigit() and not self._entry.secrets:
                    passed.append((b"content-length", length.encode()))
                await self._start(answer.response.status_code, passed)
                size = 0
                async with aclosing(self._masked(answer.response)) as chunks:
                    async for chunk in chunks:
                        size += len(chunk)
                        if size > LIST_BYTES:
                            raise Failure(0, "its metadata is larger than this gateway passes on")
                        await self._part(chunk)
                await self._part(b"", last=True)

    async def _masked(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        redactors = [Redactor(secret) for secret in self._entry.secrets]
        async for chunk in response.aiter_raw():
            passed = chunk
            for redactor in redactors:
                passed = redactor.feed(passed)
            if passed:
                yield passed
        rest = b""
        for redactor in redactors:
            rest = redactor.feed(rest) + redactor.flush()
        if rest:
            yield rest

    async def _crate_url(self, stated: tuple[str, str] | None) -> str:
        template = self._shelf.template(self._entry)
        if template is None:
            with anyio.fail_after(_PAGE_SECONDS):
                _, body, _ = await self._whole(f"{self._entry.registry.url}config.json", page_headers([]))
            template = download_template(body)
            self._shelf.note_template(self._entry, template)
        name, _, version = self._wanted.path.partition("/")
        url = download_url(template, name, version, stated[1] if stated else "")
        if not self._entry.names(url):
            raise RedirectRefused(host_of(url))
        return url

    async def _file(self, url: str, stated: tuple[str, str] | None, *, head: bool) -> None:
        kept = await to_thread.run_sync(self._shelf.cache.find, self._entry.name, url, stated)
        if kept is not None:
            try:
                with anyio.fail_after(FILE_SECONDS):
                    await self._send_file(None if head else kept_chunks(kept), kept.size)
            except (Spoiled, FileNotFoundError):
                await to_thread.run_sync(self._shelf.cache.spoiled, kept)
                if self._started:
                    return
            else:
                return
        if head:
            await self._list(url, [(b"accept", b"*/*")], head=True)
            return
        download = self._shelf.downloads.join(self._entry, url, stated, self._token_used)
        try:
            await download.wait()
            self.status = 200
            # Whoever reads slowly keeps a file on disk that nobody else finds there.
            with anyio.fail_after(FILE_SECONDS):
                await self._send_file(download.read(), download.length)
        finally:
            self._shelf.downloads.leave(download)

    async def _send_file(self, chunks: AsyncGenerator[bytes, None] | None, length: int | None) -> None:
        headers = [(b"content-type", b"application/octet-stream")]
        if length is not None:
            headers.append((b"content-length", str(length).encode()))
        if chunks is not None:
            async with aclosing(chunks):
                async for chunk in chunks:
                    await self._start(200, headers)
                    await self._part(chunk)
        await self._start(200, headers)
        await self._part(b"", last=True)

    def _token_used(self) -> None:
        self.used_token = True

    def _passed(self, response: httpx.Response) -> list[tuple[bytes, bytes]]:
        return [
            (name.lower(), value) for name, value in response.headers.raw
            if name.lower() in _PASSED and len(value) < 300 and not any(secret in value for secret in self._entry.secrets)
        ]

    def _note(self, response: httpx.Response) -> None:
        self.status = response.status_code
        if response.status_code not in (200, 304):
            raise Failure(response.status_code, f"answered {response.status_code}", response.headers.get("retry-after"))
        if response.headers.get("content-encoding", "identity") != "identity" and not self._wanted.path.endswith(".gz"):
            raise Failure(0, "compressed its answer, which was not asked for")

    async def _start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        if not self._started:
            self._started = True
            await self._send_in_time({"type": "http.response.start", "status": status, "headers": headers})

    async def _part(self, data: bytes, *, last: bool = False) -> None:
        if data or last:
            await self._send_in_time({"type": "http.response.body", "body": data, "more_body": not last})

    async def _send_in_time(self, message: dict[str, object]) -> None:
        with anyio.fail_after(_SEND_SECONDS):
            await self._send(message)
