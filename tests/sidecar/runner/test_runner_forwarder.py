"""The loopback listener between ordinary tools and the door."""

from __future__ import annotations

import http.client
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.runner.forwarder import CONNECTION_LIMIT, Forwarder
from tests.environment.services import free_port
from tests.sidecar.runner.scene import Scene


class Echo(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Answers only after the client has ended its half, as some protocols do."""

    daemon_threads = True
    request_queue_size = 256


class EchoHandler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(self.rfile.read()[::-1])


@pytest.fixture
def echo(scene: Scene) -> Iterator[Path]:
    path = scene.path / "echo.sock"
    with Echo(str(path), EchoHandler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield path
        server.shutdown()


def listen(door_socket: Path) -> int:
    forwarder = Forwarder((0, str(door_socket)))
    forwarder.start()
    return forwarder.ports[0]


def exchange(port: int, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_http_goes_through_from_inside(scene: Scene) -> None:
    scene.shell(
        'exec python3 -c "import urllib.request as r; print(r.urlopen(r.Request('
        f"'http://127.0.0.1:{scene.port}/anthropic/v1/messages', b'hi'), timeout=10).read().decode())\""
    )
    scene.run()
    assert scene.door.texts("stdout") == ['{"echo": "hi"}']
    assert scene.door.forwarded == [("POST", "/anthropic/v1/messages", b"hi")]


def test_a_half_close_is_passed_on_and_big_bodies_come_back_whole(echo: Path) -> None:
    sent = bytes(range(256)) * 40_000
    assert exchange(listen(echo), sent) == sent[::-1]


def test_more_connections_than_the_limit_are_served_in_turn(echo: Path) -> None:
    port = listen(echo)
    clients = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(CONNECTION_LIMIT + 40)]
    # The first hundred-odd are open and silent: those after them wait for a place, nobody is refused.
    for number, client in enumerate(clients):
        client.sendall(b"%d" % number)
        client.shutdown(socket.SHUT_WR)
    assert [client.recv(100) for client in clients] == [str(number)[::-1].encode() for number in range(len(clients))]
    for client in clients:
        client.close()


def test_a_client_waits_while_the_gateway_is_away(scene: Scene) -> None:
    port = listen(scene.door.socket)
    scene.door.stop()
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    client.request("POST", "/openai/v1/chat/completions", b"early")
    threading.Timer(0.4, scene.door.start).start()
    began = time.monotonic()
    response = client.getresponse()
    assert (response.status, response.read()) == (200, b'{"echo": "early"}')
    assert time.monotonic() - began > 0.2
    client.close()


def test_a_client_that_goes_away_leaves_the_listener_well(echo: Path) -> None:
    port = listen(echo)
    for _ in range(20):
        client = socket.create_connection(("127.0.0.1", port), timeout=5)
        client.sendall(b"x" * 100_000)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        client.close()
    assert exchange(port, b"abc") == b"cba"


def test_t59_one_port_that_is_full_leaves_the_other_its_places(echo: Path) -> None:
    forwarder = Forwarder((0, str(echo)), (0, str(echo)))
    forwarder.start()
    door, proxy = forwarder.ports
    idle = [socket.create_connection(("127.0.0.1", proxy), timeout=30) for _ in range(CONNECTION_LIMIT + 20)]
    deadline = time.monotonic() + 30
    while threading.active_count() < CONNECTION_LIMIT:  # the server has a thread for each that got through
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert exchange(door, b"abc") == b"cba"
    for client in idle:
        client.close()


def test_each_port_leads_to_its_own_socket(scene: Scene, echo: Path) -> None:
    port = free_port()
    scene.places |= {"egress_socket": str(echo), "proxy_port": port}
    scene.shell(
        f"""exec python3 -c "
import socket, os
with socket.create_connection(('127.0.0.1', {port}), timeout=10) as client:
    client.sendall(b'abc'); client.shutdown(socket.SHUT_WR); print(client.recv(10).decode())
print(os.environ['HTTPS_PROXY'])" """, env={"HTTPS_PROXY": "http://127.0.0.1:4118"},
    )
    scene.environ["HTTPS_PROXY"] = "http://image.example"
    scene.run()
    assert scene.door.texts("stdout") == ["cba", "http://127.0.0.1:4118"]
