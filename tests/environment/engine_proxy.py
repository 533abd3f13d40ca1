"""A Docker engine that goes away in the middle: the real one, behind a socket that cuts a call off, or leaves it without an answer."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingMixIn, UnixStreamServer


class Proxy(ThreadingMixIn, UnixStreamServer):
    """`cut` is a pattern of a request's first line: the first that matches never reaches the engine, and is in `seen`.

    With `holds` whoever sent it waits until it gives up.
    """

    daemon_threads = True

    def __init__(self, path: Path, engine: str, cut: str, *, holds: bool) -> None:
        super().__init__(str(path), _Connection)
        self.engine = engine
        self._cut = re.compile(cut.encode())
        self._holds = holds
        self.over = threading.Event()
        self.seen: list[str] = []
        self._lock = threading.Lock()

    def lets_pass(self, head: bytes) -> bool:
        """Say whether a request may go on to the engine."""
        line = head.partition(b"\r\n")[0]
        with self._lock:
            if self.seen or not self._cut.match(line):
                return True
            self.seen.append(line.decode())
        if self._holds:
            self.over.wait(60)
        return False


class _Connection(BaseRequestHandler):
    server: Proxy

    def handle(self) -> None:
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(self.server.engine)
            back = threading.Thread(target=_copy, args=(engine, self.request), daemon=True)
            back.start()
            with suppress(OSError):
                # docker-py sends a request's head in one piece, and waits for each answer.
                while (data := self.request.recv(65536)) and self.server.lets_pass(data):
                    engine.sendall(data)
            with suppress(OSError):
                self.request.shutdown(socket.SHUT_RDWR)
            with suppress(OSError):
                engine.shutdown(socket.SHUT_RDWR)
            back.join(5)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def cutting(docker_host: str, path: Path, cut: str, *, holds: bool = False) -> Iterator[Proxy]:
    """Serve the engine at `path`, but for the first request whose first line matches."""
    with Proxy(path, docker_host.removeprefix("unix://"), cut, holds=holds) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield proxy
        proxy.over.set()
        proxy.shutdown()
        thread.join(5)
