"""What people are told when a registry cannot be asked: pip for one says only that there is no such package."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from app.core.sandbox.door import DoorRules
from app.serving import listen
from tests.app.execute.gateway.house import House
from tests.app.execute.gateway.test_gateway_upstream import self_signed


class Quiet(HTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust us hangs up."""


@contextmanager
def untrusted(directory: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(directory))
    server = Quiet(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"https://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_registry_that_cannot_be_asked_is_told_of_once_with_what_to_do(house: House, registries_file: Path, tmp_path: Path) -> None:
    closed = listen("127.0.0.1", 0)
    port = closed.getsockname()[1]
    closed.close()
    with untrusted(tmp_path) as url:
        house.stop()
        with registries_file.open("a") as file:
            file.write(f"strange: {{kind: pypi, url: {url}/simple/}}\n")
            file.write(f"gone: {{kind: npm, url: http://127.0.0.1:{port}/}}\n")
        house.start()
        sandbox = house.sandbox(door=DoorRules(registries=("strange", "gone")))
        door = house.door(sandbox)
        for _ in range(2):
            answer = door.get("/registry/strange/simple/hello/")
            assert (answer.status_code, answer.json()["reason"]) == (502, "bellhop_upstream")
            assert "BELLHOP_CA_BUNDLE" in answer.json()["error"]
            assert door.get("/registry/strange/files/0/hello-1.0-py3-none-any.whl").status_code == 502
        assert door.get("/registry/gone/left").json()["error"] == "registry gone: did not answer (ConnectError)"
        assert [(row.step.kind, row.step.text) for row in house.steps(sandbox)] == [
            ("log", "registry strange: its certificate is by no authority that this host trusts: Bellhop's operator looks at BELLHOP_CA_BUNDLE"),
            ("log", "registry gone: did not answer (ConnectError)"),
        ]


def test_whoever_wants_a_tunnel_to_a_registry_is_told_where_to_name_it(house: House, sandbox: str) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(house.socket(sandbox, "egress.sock")))
        client.sendall(b"CONNECT 127.0.0.1:443 HTTP/1.1\r\nHost: 127.0.0.1:443\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 403 A registry, see the profile's egress registries\r\n")
    [denied] = [row.step.text for row in house.steps(sandbox) if row.step.kind == "denied"]
    assert denied == "CONNECT 127.0.0.1:443: it belongs in `egress: registries:`, as `pypi`"
