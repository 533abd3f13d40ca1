"""One artifact on its way from a registry: fetched once however many ask for it, verified before its last bytes leave."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import anyio
import httpx
import structlog
from anyio import to_thread

from app.execute.gateway.registry.answers import no_answer
from app.execute.gateway.registry.cache import ALGORITHMS, Cache
from app.execute.gateway.registry.entry import Entry
from app.execute.gateway.registry.fetch import Answer, Fetch, RedirectRefused

log = structlog.get_logger()

FILE_BYTES = 4 * 1024**3
# Of all that is on its way together: more would let one sandbox fill the disk.
PARTIAL_BYTES = 16 * 1024**3
FILE_SECONDS = 1800.0
# What readers do not get before all of it is verified; longer than any token that must not be in it.
HELD_BYTES = 64 * 1024
_READ_BYTES = 256 * 1024
_AT_ONCE = 64


class Failure(Exception):
    """The artifact did not come; `status` is the registry's (0: none), `why` says it in Bellhop's words.

    `denied` failures are Bellhop's own refusals, and go on record; `silent` ones a registry's that could not be asked.
    """

    def __init__(self, status: int, why: str, retry_after: str | None = None, *, denied: bool = False, silent: bool = False) -> None:
        super().__init__(why)
        self.denied = denied
        self.silent = silent
        self.status = status
        self.why = why
        self.retry_after = retry_after


class Download:
    """The bytes of one artifact as they come; `length` is what the registry announced."""

    def __init__(self, key: tuple[str, str], handle: int, path: Path) -> None:
        self.key = key
        self.path = path
        # Not by cancelling the task: a thread that is writing must be waited for before its file is closed.
        self.scope = anyio.CancelScope()
        self.length: int | None = None
        self.readers = 0
        self.counted_bytes = 0
        self.is_kept = False
        self.task: asyncio.Task[None] | None = None
        self._handle = handle
        self._written = 0
        self._safe = 0
        self._failure: Failure | None = None
        self._done = False
        self._news = anyio.Event()

    async def read(self) -> AsyncGenerator[bytes, None]:
        """Yield the bytes that may leave, as they come. Raises Failure; what was yielded before is then incomplete."""
        offset = 0
        while True:
            while offset < self._safe:
                size = min(_READ_BYTES, self._safe - offset)
                chunk = await to_thread.run_sync(os.pread, self._handle, size, offset)
                offset += len(chunk)
                yield chunk
            if self._failure is not None:
                raise self._failure
            if self._done:
                return
            await self._news.wait()

    async def wait(self) -> None:
        """Return once something may leave, or all is there. Raises Failure."""
        while not (self._safe or self._done or self._failure):
            await self._news.wait()
        if self._failure is not None and not self._safe:
            raise self._failure

    def close(self) -> None:
        """Give the file back."""
        os.close(self._handle)

    def write(self, data: bytes) -> None:
        """Add to the file (in a thread). Raises OSError."""
        while data:
            data = data[os.pwrite(self._handle, data, self._written):]
            self._written = os.fstat(self._handle).st_size

    def progress(self) -> None:
        """Let readers have all but the last bytes."""
        self._safe = max(self._safe, self._written - HELD_BYTES)
        self._tell()

    def finish(self) -> None:
        """Let readers have all of it."""
        self._safe, self._done = self._written, True
        self._tell()

    def fail(self, failure: Failure) -> None:
        """Let readers know that there is no more."""
        self._failure = failure
        self._tell()

    @property
    def size(self) -> int:
        """How many bytes have come."""
        return self._written

    def _tell(self) -> None:
        news, self._news = self._news, anyio.Event()
        news.set()


class Downloads:
    """What is on its way; those who ask for the same address of the same registry share one download."""

    def __init__(self, fetch: Fetch, cache: Cache) -> None:
        self._fetch = fetch
        self._cache = cache
        self._under_way: dict[tuple[str, str], Download] = {}
        self._slots = anyio.Semaphore(_AT_ONCE)
        # On disk and not in the cache: also what only readers still hold.
        self.partial_bytes = 0

    def join(
        self, entry: Entry, url: str, stated: tuple[str, str] | None, on_token: Callable[[], None]
    ) -> Download:
        """Return the download of an address; `leave` it again. Raises OSError.

        `on_token` is called if it is this call that has the token sent.
        """
        key = (entry.name, url)
        found = self._under_way.get(key)
        if found is None:
            if entry.credential(url) is not None:
                # Now, not when it is sent: whoever asks may be gone by then.
                on_token()
            found = self._under_way[key] = Download(key, *self._cache.begin())
            found.task = asyncio.create_task(self._run(found, entry, url, stated, on_token), name=f"registry {entry.name}")
        found.readers += 1
        return found

    def leave(self, download: Download) -> None:
        """Read it no more; a download without readers is given up."""
        download.readers -= 1
        if download.readers or download.task is None:
            return
        if download.task.done():
            self._close(download)
            return
        self._forget(download)
        download.scope.cancel()
        download.task.add_done_callback(lambda _: self._close(download))

    def _close(self, download: Download) -> None:
        download.close()
        self._uncount(download)

    def _uncount(self, download: Download) -> None:
        self.partial_bytes -= download.counted_bytes
        download.counted_bytes = 0

    async def close(self) -> None:
        """Give up whatever is on its way."""
        found = list(self._under_way.values())
        for download in found:
            download.scope.cancel()
        await asyncio.gather(*(each.task for each in found if each.task is not None), return_exceptions=True)

    def _forget(self, download: Download) -> None:
        if self._under_way.get(download.key) is download:
            del self._under_way[download.key]

    async def _run(
        self, download: Download, entry: Entry, url: str, stated: tuple[str, str] | None, on_token: Callable[[], None]
    ) -> None:
        try:
            with download.scope:
                await self._get(download, entry, url, stated, on_token)
            if download.scope.cancelled_caught:
                download.fail(Failure(0, "given up"))
        except Exception as error:  # whatever it was, those who wait must be told
            log.error("registry_download_failed", registry=entry.name, error=type(error).__name__)
            download.fail(Failure(0, "the gateway could not fetch it"))
        finally:
            download.path.unlink(missing_ok=True)
            if download.is_kept:
                self._uncount(download)
            self._forget(download)

    async def _get(
        self, download: Download, entry: Entry, url: str, stated: tuple[str, str] | None, on_token: Callable[[], None]
    ) -> None:
        try:
            with anyio.fail_after(FILE_SECONDS):
                headers = [(b"accept", b"*/*")]
                async with self._slots, self._fetch.ask(entry, "GET", url, headers, on_token) as answer:
                    await self._take(download, entry, url, stated, answer)
        except Failure as failure:
            download.fail(failure)
        except RedirectRefused as error:
            download.fail(Failure(0, f"redirect to {error}: not in the registry's entry", denied=True))
        except (httpx.TransportError, httpx.StreamError, httpx.InvalidURL) as error:
            download.fail(Failure(0, no_answer(error), silent=True))
        except TimeoutError:
            download.fail(Failure(0, "took too long", silent=True))
        except OSError as error:
            log.error("registry_cache_failed", registry=entry.name, error=error.strerror)
            download.fail(Failure(0, "the gateway's disk did not take it"))

    async def _take(
        self, download: Download, entry: Entry, url: str, stated: tuple[str, str] | None, answer: Answer
    ) -> None:
        response = answer.response
        if response.status_code != 200:
            raise Failure(response.status_code, f"the registry answered {response.status_code}", response.headers.get("retry-after"))
        # A server may call a .gz file's own compression an encoding; any other was not asked for.
        if response.headers.get("content-encoding", "identity") != "identity" and not url.endswith((".gz", ".tgz")):
            raise Failure(0, "the registry compressed its answer, which was not asked for")
        length = response.headers.get("content-length")
        download.length = int(length) if length and length.isdigit() else None
        hashes = {name: hashlib.new(name, usedforsecurity=False) for name in ALGORITHMS}
        leaks = _Search(entry.secrets)
        async for chunk in response.aiter_raw():
            if download.size + len(chunk) > FILE_BYTES or self.partial_bytes + len(chunk) > PARTIAL_BYTES:
                raise Failure(0, "too large for this gateway")
            if leaks.found_in(chunk):
                raise Failure(0, "the registry put its own token into the file", denied=True)
            self.partial_bytes += len(chunk)
            download.counted_bytes += len(chunk)
            await to_thread.run_sync(download.write, chunk)
            for each in hashes.values():
                each.update(chunk)
            download.progress()
        digests = {name: each.hexdigest() for name, each in hashes.items()}
        if stated is not None and digests.get(stated[0]) != stated[1]:
            log.error("registry_digest_mismatch", registry=entry.name, url=url, stated=":".join(stated))
            raise Failure(0, f"is not what its {stated[0]} says", denied=True)
        if stated is not None or download.length is not None or "chunked" in response.headers.get("transfer-encoding", ""):
            await to_thread.run_sync(self._keep, download, entry.name, url, digests)
        download.finish()

    def _keep(self, download: Download, registry: str, url: str, digests: dict[str, str]) -> None:
        # Not synced: what a power cut spoils is seen when it is read.
        download.is_kept = self._cache.keep(download.path, registry, url, digests, download.size)


class _Search:
    """Looks for secrets in a stream, wherever its chunks are cut."""

    def __init__(self, secrets: tuple[bytes, ...]) -> None:
        self._secrets = secrets
        self._tail = b""
        self._longest = max(map(len, secrets), default=1)

    def found_in(self, chunk: bytes) -> bool:
        """Return whether one is in what has come, this chunk included."""
        text = self._tail + chunk
        self._tail = text[-(self._longest - 1):] if self._longest > 1 else b""
        return any(secret in text for secret in self._secrets)

