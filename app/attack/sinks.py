"""Everywhere outside that a secret can come to: each request that a service gets, each datagram, each mark on the host."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.serving import address, listen, serving


class Got(NamedTuple):
    """One request as a service got it; `service` is `github`, `model`, `registry`, `metadata`, `collector` or `dns`."""

    service: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """Return a header's value, or an empty string."""
        return next((value for key, value in self.headers if key == name), "")

    def bytes(self, *leave_out: str) -> bytes:
        """Return all of it as bytes, without the headers named in `leave_out`."""
        kept = [f"{name}: {value}" for name, value in self.headers if name not in leave_out]
        return "\n".join([self.method, self.target, *kept]).encode("utf-8", "replace") + b"\n" + self.body


class Sinks:
    """What has come in so far, in order; safe to read while it grows."""

    def __init__(self) -> None:
        self.got: list[Got] = []

    def recorded(self, service: str, app: ASGIApp) -> ASGIApp:
        """Return `app` with every request to it kept here, its body as far as it was read."""

        async def recording(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            body = bytearray()

            async def tee() -> Message:
                message = await receive()
                body.extend(message.get("body", b""))
                return message

            try:
                await app(scope, tee, send)
            finally:
                headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
                query = scope["query_string"].decode("latin-1")
                target = scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
                self.got.append(Got(service, scope["method"], target, headers, bytes(body)))

        return recording


async def swallow(scope: Scope, receive: Receive, send: Send) -> None:
    """Take whatever comes, and thank for it: a collector, and a registry that anybody with a token may publish to."""
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False) and message["type"] != "http.disconnect"
    await JSONResponse({"ok": True})(scope, receive, send)


def metadata(secret: str) -> ASGIApp:
    """Return a cloud's metadata service, which gives its credentials to whoever reaches it."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(f'{{"AccessKeyId": "emulated", "SecretAccessKey": "{secret}"}}', media_type="application/json")(
            scope, receive, send
        )

    return app


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """Serve on a free port of the loopback for the length of the block; yields the URL. Raises ConfigurationError."""
    listener = listen("127.0.0.1", 0)
    with serving(app, listener, stop_seconds=1):
        yield address("127.0.0.1", listener)


@contextmanager
def resolver(sinks: Sinks) -> Iterator[str]:
    """Keep every datagram that comes to a port of the loopback; yields `host:port`."""
    with ExitStack() as stack:
        sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(0.2)
        stopping = threading.Event()

        def listen_on() -> None:
            while not stopping.is_set():
                with suppress(TimeoutError):
                    sinks.got.append(Got("dns", "LOOKUP", "", (), sock.recvfrom(65_535)[0]))

        thread = threading.Thread(target=listen_on, name="resolver", daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{sock.getsockname()[1]}"
        finally:
            stopping.set()
            thread.join(timeout=5)


def marks(directory: Path) -> bytes:
    """Return what has been written into the directory of the host that only something executed there can write to."""
    return b"\n".join(path.read_bytes() for path in sorted(directory.iterdir()) if path.is_file())
