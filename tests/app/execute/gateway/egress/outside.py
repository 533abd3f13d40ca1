"""The outside of a gateway: servers on an address of this machine that is not loopback, a resolver that keeps count, a client."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path

from app.core.sandbox.destination import Address, Destination
from tests.conftest import missing


def own_address() -> str:
    """Return an address of this machine beside loopback; the private network that tests name consists of it alone."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Sends nothing: it only asks which address would.
            probe.connect(("198.51.100.1", 9))
        except OSError:
            missing("this machine has no address beside loopback")
        found: str = probe.getsockname()[0]
        return found


class Names:
    """A resolver: `known` maps a name to its answers, one for each time that it is asked; the last one stays."""

    def __init__(self, known: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self.known = {name: [list(each) for each in answers] for name, answers in known.items()}
        self.asked: list[str] = []

    async def __call__(self, destination: Destination) -> Sequence[Address]:
        """Answer once."""
        self.asked.append(destination.host)
        answers = self.known.get(destination.host)
        if answers is None:
            raise OSError("unknown")
        return [ip_address(each) for each in (answers.pop(0) if len(answers) > 1 else answers[0])]


class Upstream(socketserver.ThreadingTCPServer):
    """Answers every chunk with itself reversed, and keeps what came."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: str, handler: type[socketserver.BaseRequestHandler] | None = None) -> None:
        super().__init__((address, 0), handler or _Echo)
        self.came: list[bytes] = []
        self.connections = 0

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Upstream)
        self.server.connections += 1
        try:
            while data := self.request.recv(65536):
                self.server.came.append(data)
                self.request.sendall(data[::-1])
        except OSError:
            return


class Proxy(Upstream):
    """A company's proxy: keeps each CONNECT's head, and leads all of them to `target`; `status` is its answer."""

    def __init__(self, target: tuple[str, int], status: bytes = b"200 OK") -> None:
        super().__init__("127.0.0.1", _Connect)
        self.target = target
        self.status = status
        self.heads: list[bytes] = []


class _Connect(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Proxy)
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.request.recv(4096)
        self.server.heads.append(head)
        if not self.server.status.startswith(b"200"):
            self.request.sendall(b"HTTP/1.1 " + self.server.status + b"\r\nContent-Length: 0\r\n\r\n")
            return
        with socket.create_connection(self.server.target, timeout=10) as onward:
            # The server's first word comes with the proxy's answer, in one segment.
            onward.sendall(b"ping")
            self.request.sendall(b"HTTP/1.1 " + self.server.status + b"\r\n\r\n" + onward.recv(100))
            onward.sendall(self.request.recv(65536))
            self.request.sendall(onward.recv(65536))


@contextmanager
def running(server: Upstream) -> Iterator[Upstream]:
    """Serve for the length of the block."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def read_head(client: socket.socket) -> bytes:
    """Return an answer's head, byte by byte, so that nothing after it is taken; what there is when it ends."""
    head = b""
    while not head.endswith(b"\r\n\r\n") and (piece := client.recv(1)):
        head += piece
    return head


class Clients:
    """Connections to egress sockets, all closed at the end of the test."""

    def __init__(self) -> None:
        self._open: list[socket.socket] = []

    def connect(self, path: Path) -> socket.socket:
        """Return a connection to an egress socket."""
        client = socket.socket(socket.AF_UNIX)
        self._open.append(client)
        client.settimeout(20)
        client.connect(str(path))
        return client

    def tunnel(self, path: Path, authority: str) -> tuple[socket.socket, bytes]:
        """Ask for a tunnel and return the connection and the answer's status line."""
        client = self.connect(path)
        client.sendall(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
        return client, read_head(client).split(b"\r\n")[0]

    def close(self) -> None:
        """Close all."""
        for client in self._open:
            client.close()


def client_hello(name: str | None) -> bytes:
    """Return the first message of a TLS connection to `name`."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    out = ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name).do_handshake()
    return out.read()
