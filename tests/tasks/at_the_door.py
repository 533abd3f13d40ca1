"""A sandbox's door from inside: somebody who acts on wake-ups meanwhile, and the loopback port that ordinary tools see."""

from __future__ import annotations

import os
import socket
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from app.ledger import sandboxes
from tests.tasks.scene import Scene


@contextmanager
def workers_awake(scene: Scene) -> Iterator[None]:
    """Let a worker act on every wake-up while the block is under way."""
    over = threading.Event()

    def act() -> None:
        while not over.is_set():
            scene.pump()
            over.wait(0.02)

    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(30)


def door(scene: Scene, run_id: str) -> httpx.Client:
    """Return a client at the work sandbox's door that holds no key."""
    path = scene.settings.runtime_dir / "doors" / f"{run_id}-work" / "door.sock"
    return httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://door", timeout=60)


@contextmanager
def loopback(scene: Scene, run_id: str) -> Iterator[int]:
    """Copy bytes between a TCP port and the door, as the runner does inside; yield the port."""
    path = str(scene.settings.runtime_dir / "doors" / f"{run_id}-work" / "door.sock")

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.socket(socket.AF_UNIX) as outside:
                outside.connect(path)
                back = threading.Thread(target=_copy, args=(outside, self.request), daemon=True)
                back.start()
                _copy(self.request, outside)
                back.join()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Connection) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join(5)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def git_inside(scene: Scene, run_id: str, port: int, home: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return git with the environment that the run's sandbox has, its loopback port being `port` here."""
    with scene.database.read() as tx:
        [row] = sandboxes.of_run(tx, run_id)
    inside = {name: value.replace(":4117", f":{port}") for name, value in row.assignment.env.items()}
    env = {"PATH": os.defpath, "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"} | inside

    def git(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["git", *arguments], env=env, cwd=cwd or home, capture_output=True, text=True, timeout=60, check=False)

    return git
