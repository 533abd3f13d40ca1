"""A package registry over HTTP for npm's and pip's own clients: what it holds can be changed, or taken away, at any time."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

Archive = dict[str, str | bytes]


def tarball(files: Archive) -> bytes:
    """Return an npm package; what lies below a `bin` is executable."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for path, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(data), 0o755 if "/bin/" in path else 0o644
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def wheel(files: Archive) -> bytes:
    """Return a wheel of these files, without any metadata but the least that pip reads."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return buffer.getvalue()


class Registry:
    """Both kinds at once; `asked` lists the paths of all requests."""

    def __init__(self) -> None:
        self.npm: dict[str, dict[str, bytes]] = {}
        self.pypi: dict[str, dict[str, bytes]] = {}
        self.asked: list[str] = []
        self.url = ""

    def publish(self, package: str, version: str, files: Archive) -> str:
        """Publish an npm package and return its checksum as npm writes it."""
        manifest = json.dumps({"name": package, "version": version, "scripts": {"prepare": "exit 7", "postinstall": "exit 7"}})
        data = tarball({"package/package.json": manifest, **files})
        self.npm.setdefault(package, {})[version] = data
        return integrity(data)

    def upload(self, package: str, version: str, files: Archive) -> str:
        """Publish a wheel and return its checksum as the parts write it."""
        stem = f"{package.replace('-', '_')}-{version}"
        data = wheel({
            f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n",
            f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n", **files,
        })
        self.pypi.setdefault(package, {})[f"{stem}-py3-none-any.whl"] = data
        return f"sha256:{hashlib.sha256(data).hexdigest()}"

    def answer(self, path: str) -> bytes | None:
        """Return what is at a path, or None."""
        self.asked.append(path)
        kind, _, rest = path.strip("/").partition("/")
        if kind == "npm":
            package, _, file = rest.partition("/-/")
            versions = self.npm.get(package, {})
            return versions.get(file.removesuffix(".tgz")) if file else self._packument(package, versions)
        if kind == "files":
            package, _, file = rest.partition("/")
            return self.pypi.get(package, {}).get(file)
        files = self.pypi.get(rest)
        return None if files is None else "".join(
            f'<a href="{self.url}/files/{rest}/{name}#sha256={hashlib.sha256(data).hexdigest()}">{name}</a>\n' for name, data in files.items()
        ).encode()

    def _packument(self, package: str, versions: dict[str, bytes]) -> bytes | None:
        if not versions:
            return None
        stated = {
            version: {"name": package, "version": version, "dist": {
                "tarball": f"{self.url}/npm/{package}/-/{version}.tgz", "integrity": integrity(data),
            }}
            for version, data in versions.items()
        }
        return json.dumps({"name": package, "dist-tags": {"latest": list(versions)[-1]}, "versions": stated}).encode()


def integrity(data: bytes) -> str:
    """Return npm's checksum of some bytes."""
    return f"sha512-{base64.b64encode(hashlib.sha512(data).digest()).decode()}"


@contextmanager
def served() -> Iterator[Registry]:
    """Serve an empty registry on loopback."""
    registry = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = registry.answer(unquote(self.path.partition("?")[0]))
            self.send_response(200 if found is not None else 404)
            body = found if found is not None else b"{}"
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", "text/html" if self.path.startswith("/simple") else "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    registry.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
