"""A registry that is strict: it knows its own paths and token, takes reads only, and keeps what it was asked."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tests.app.execute.gateway.registry import packages

# The words that nobody inside may ever see.
TOKEN = "canary-registry-token-4be1d2"
READS = ("GET", "HEAD")


class Asked(NamedTuple):
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]


class FakeRegistry:
    """Files by path; `url` is its own address. Paths below `private` want the token; `redirects` lead elsewhere.

    Of a file whose path is in `held` the second half waits until `go_on`; of one in `cut` it never comes.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.files: dict[str, tuple[str, bytes]] = {}
        self.redirects: dict[str, str] = {}
        self.private: tuple[str, ...] = ()
        self.authorization = f"Bearer {TOKEN}"
        self.asked: list[Asked] = []
        self.held: set[str] = set()
        self.cut: set[str] = set()
        self.go_on = False

    def paths(self, method: str = "GET") -> list[str]:
        """What was asked for, in order."""
        return [asked.path for asked in self.asked if asked.method == method]

    def put(self, path: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Serve a file."""
        self.files[path] = (content_type, data)

    # Packages of each kind.

    def add_wheel(self, name: str, version: str, said: str, *, root: str = "/pypi", as_json: bool = True, padding: int = 0) -> str:
        """Publish a wheel and return its path."""
        data = packages.wheel(name, version, said, padding=padding)
        path = f"{root}-files/packages/{name}/{name}-{version}-py3-none-any.whl"
        self.put(path, data)
        digest = hashlib.sha256(data).hexdigest()
        if as_json:
            page: dict[str, Any] = {"meta": {"api-version": "1.1"}, "name": name, "files": [
                {"filename": path.rpartition("/")[2], "url": f"{self.url}{path}", "hashes": {"sha256": digest}, "size": len(data)}]}
            self.put(f"{root}/simple/{name}/", json.dumps(page).encode(), "application/vnd.pypi.simple.v1+json")
        else:
            html = f'<!DOCTYPE html><html><body><a href="{self.url}{path}#sha256={digest}">{path.rpartition("/")[2]}</a></body></html>'
            self.put(f"{root}/simple/{name}/", html.encode(), "text/html")
        return path

    def add_npm(self, name: str, version: str, said: str, *, root: str = "/npm") -> tuple[str, str]:
        """Publish a package and return its tarball's path and integrity."""
        data = packages.npm_tarball(name, version, said)
        path = f"{root}/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"
        self.put(path, data)
        integrity = packages.integrity(data)
        document = {"name": name, "dist-tags": {"latest": version}, "versions": {version: {
            "name": name, "version": version, "dist": {"tarball": f"{self.url}{path}", "integrity": integrity}}}}
        self.put(f"{root}/{name.replace('/', '%2f')}", json.dumps(document).encode(), "application/json")
        return path, integrity

    def add_crate(self, name: str, version: str, said: str) -> str:
        """Publish a crate and return its digest."""
        data = packages.crate(name, version, said)
        digest = hashlib.sha256(data).hexdigest()
        self.put("/crates/config.json", json.dumps({"dl": f"{self.url}/crates-files", "api": f"{self.url}/api"}).encode())
        line = {"name": name, "vers": version, "deps": [], "cksum": digest, "features": {}, "yanked": False}
        self.put(f"/crates/{name[:2]}/{name[2:4]}/{name}", json.dumps(line).encode() + b"\n", "text/plain")
        self.put(f"/crates-files/{name}/{version}/download", data)
        return digest

    def add_go(self, path: str, version: str, said: str) -> None:
        """Publish a module."""
        mod, archive = packages.go_module(path, version, said)
        for name, data in (("list", f"{version}\n".encode()), (f"{version}.mod", mod), (f"{version}.zip", archive),
                           (f"{version}.info", json.dumps({"Version": version, "Time": "2026-01-01T00:00:00Z"}).encode())):
            self.put(f"/go/{path}/@v/{name}", data)

    async def answer(self, request: Request) -> Response:  # noqa: PLR0911 - one line per way to behave
        """Answer one request."""
        path = request.scope["raw_path"].decode()
        self.asked.append(Asked(request.method, path, dict(request.headers)))
        if request.method not in READS:
            return Response("published!", 201)
        if path.startswith(self.private or ("\0",)) and request.headers.get("authorization") != self.authorization:
            return Response("who are you?", 401, {"www-authenticate": "Basic"})
        if path in self.redirects:
            return Response(status_code=302, headers={"location": self.redirects[path]})
        if path.endswith("/echo.whl"):
            return Response(repr(dict(request.headers)))
        if path not in self.files:
            return Response("not here", 404)
        content_type, data = self.files[path]
        tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"etag": tag})
        headers = {"content-type": content_type, "content-length": str(len(data)), "etag": tag, "set-cookie": "session=1"}
        return StreamingResponse(self._pieces(path, data), headers=headers)

    async def _pieces(self, path: str, data: bytes) -> AsyncIterator[bytes]:
        half = len(data) // 2
        yield data[:half]
        while path in self.held and not self.go_on:  # noqa: ASYNC110 - set from a test's thread
            await asyncio.sleep(0.01)
        if path in self.cut:
            raise ConnectionResetError("as asked")
        yield data[half:]


class Stage:
    """One server for many tests: `present` answers."""

    def __init__(self) -> None:
        self.present: FakeRegistry | None = None
        methods = ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"]
        self.app = Starlette(routes=[Route("/{path:path}", self._answer, methods=methods)])

    async def _answer(self, request: Request) -> Response:
        assert self.present is not None
        return await self.present.answer(request)
