"""The egress socket on a running gateway: what a profile names goes through, and nothing else does (T51-T55, T58, T60)."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from app.core.sandbox.door import DoorRules
from app.execute.gateway.egress import listener, tunnel
from app.ledger import audit
from app.ledger.audit import AuditRow
from tests.app.execute.gateway.egress.outside import Clients, Names, Upstream, client_hello, read_head
from tests.app.execute.gateway.house import House, eventually


def sandbox(house: House, *entries: str) -> str:
    return house.sandbox(door=DoorRules(connect=entries))


def rows(house: House, sandbox_id: str) -> list[AuditRow]:
    with house.database.read() as tx:
        return audit.of_run(tx, sandbox_id.partition("-")[0])


def denials(house: House, sandbox_id: str) -> list[str]:
    return [row.step.text for row in house.steps(sandbox_id) if row.step.kind == "denied"]


def whole_answer(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(65536), b""))


def test_t51_a_named_host_is_reached_and_what_passes_is_on_record(house: House, clients: Clients, upstream: Upstream) -> None:
    sandbox_id = sandbox(house, f"allowed.example:{upstream.port}")
    client, status = clients.tunnel(house.socket(sandbox_id, "egress.sock"), f"Allowed.EXAMPLE:{upstream.port}")
    assert status == b"HTTP/1.1 200 Connected"
    [row] = rows(house, sandbox_id)
    assert (row.credential_id, row.action, row.target, row.verdict) == ("-", "egress", f"CONNECT allowed.example:{upstream.port}", "open")
    client.sendall(b"hello")
    assert client.recv(100) == b"olleh"
    client.shutdown(socket.SHUT_WR)
    assert client.recv(100) == b""
    eventually(lambda: rows(house, sandbox_id)[0].verdict == "ok, 5 bytes up, 5 down")
    assert denials(house, sandbox_id) == []


def test_what_comes_with_the_request_goes_through_first(house: House, clients: Clients, upstream: Upstream) -> None:
    sandbox_id = sandbox(house, f"allowed.example:{upstream.port}")
    client = clients.connect(house.socket(sandbox_id, "egress.sock"))
    client.sendall(f"CONNECT allowed.example:{upstream.port} HTTP/1.0\r\n\r\nearly".encode())
    assert read_head(client).startswith(b"HTTP/1.1 200")
    assert client.recv(100) == b"ylrae"


def test_t51_t52_what_the_profile_does_not_name_is_refused_and_seen(house: House, clients: Clients, upstream: Upstream, names: Names) -> None:
    sandbox_id = sandbox(house, f"allowed.example:{upstream.port}", "*.below.example:1")
    asked = ["evil.example:443", "allowed.example:22", "below.example:1", f"x.allowed.example:{upstream.port}"]
    for authority in asked:
        client, status = clients.tunnel(house.socket(sandbox_id, "egress.sock"), authority)
        assert status == b"HTTP/1.1 403 Not in the profile's egress connect"
        assert b"`bellhop egress propose` shows the line" in whole_answer(client)
    assert names.asked == []
    assert upstream.connections == 0
    assert denials(house, sandbox_id) == [f"CONNECT {each}: not in the profile's `egress: connect:`" for each in asked]
    assert [row.verdict for row in rows(house, sandbox_id)] == ["refused: not in the profile's `egress: connect:`"] * len(asked)


def test_a_sandbox_that_may_go_nowhere_gets_a_reason(house: House, clients: Clients) -> None:
    sandbox_id = sandbox(house)
    assert clients.tunnel(house.socket(sandbox_id, "egress.sock"), "a.example:443")[1].startswith(b"HTTP/1.1 403 ")
    assert len(denials(house, sandbox_id)) == 1


@pytest.mark.parametrize("request_line", [
    "GET http://allowed.example/ HTTP/1.1", "POST http://allowed.example/x HTTP/1.1", "GET / HTTP/1.1", "OPTIONS * HTTP/1.1",
    "connect allowed.example:1 HTTP/1.1", "CONNECT http://allowed.example:1/ HTTP/1.1", "PUT allowed.example:1 HTTP/1.1",
])
def test_t51_nothing_but_connect_is_served(house: House, clients: Clients, names: Names, request_line: str) -> None:
    sandbox_id = sandbox(house, "allowed.example:1", "allowed.example:80")
    client = clients.connect(house.socket(sandbox_id, "egress.sock"))
    client.sendall(f"{request_line}\r\nHost: allowed.example\r\n\r\n".encode())
    answer = whole_answer(client)
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert answer.endswith(b".\n")
    assert names.asked == []
    assert denials(house, sandbox_id)[0].startswith(request_line.removesuffix(" HTTP/1.1") + ": ")


@pytest.mark.parametrize(("head", "status"), [
    (b"CONNECT evil.example\x00.allowed.example:1 HTTP/1.1\r\nHost: allowed.example:1\r\n\r\n", 400),
    (b"CONNECT allowed.example:1 HTTP/1.1\r\nHost: evil.example:1\r\n\r\n", 403),
    (b"CONNECT allowed.example:1 HTTP/1.1\r\nHost: allowed.example:1\r\nHost: evil.example\r\n\r\n", 400),
    (b"CONNECT allowed.example:1 HTTP/1.1\r\n\r\n", 400),
    (b"CONNECT allowed.example:1 HTTP/1.1\r\nHost: allowed.example:1\r\nContent-Length: 5\r\n\r\nhello", 400),
    (b"CONNECT allowed.example:1 HTTP/1.1\r\nHost: allowed.example:1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (b"CONNECT allowed.example@evil.example:1 HTTP/1.1\r\nHost: allowed.example:1\r\n\r\n", 403),
    (b"CONNECT allowed.example.:1 HTTP/1.1\r\nHost: allowed.example:1\r\n\r\n", 403),
    (b"\x16\x03\x01\x00\x05hello\r\n\r\n", 400),
    (b"CONNECT allowed.example:1 HTTP/1.1\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", 431),
])
def test_t55_a_head_that_two_readers_could_read_differently_is_refused_and_seen(
    house: House, clients: Clients, names: Names, head: bytes, status: int
) -> None:
    sandbox_id = sandbox(house, "allowed.example:1")
    client = clients.connect(house.socket(sandbox_id, "egress.sock"))
    client.sendall(head)
    assert read_head(client).startswith(f"HTTP/1.1 {status} ".encode())
    assert names.asked == []
    [said] = denials(house, sandbox_id)
    assert said.isprintable()
    assert said.isascii()
    assert len(said) < 400


@pytest.mark.parametrize("name", ["loopback", "metadata", "mapped", "private"])
def test_t54_a_named_host_that_leads_inside_is_denied(house: House, clients: Clients, name: str) -> None:
    sandbox_id = sandbox(house, f"{name}.example:6379")
    _, status = clients.tunnel(house.socket(sandbox_id, "egress.sock"), f"{name}.example:6379")
    assert status.startswith(b"HTTP/1.1 403 ")
    assert denials(house, sandbox_id) == [
        f"CONNECT {name}.example:6379: its address is not public, or is this machine's own"]


@pytest.mark.parametrize("literal", ["10.255.255.1:80", "[::ffff:127.0.0.1]:80", "[fd00:ec2::254]:80"])
def test_t54_an_address_inside_is_denied_though_the_profile_names_it(house: House, clients: Clients, literal: str) -> None:
    sandbox_id = sandbox(house, literal)
    assert clients.tunnel(house.socket(sandbox_id, "egress.sock"), literal)[1].startswith(b"HTTP/1.1 403 ")


def test_an_address_passes_when_profile_and_operator_name_it(house: House, clients: Clients, upstream: Upstream, here: str, names: Names) -> None:
    sandbox_id = sandbox(house, f"{here}:{upstream.port}")
    client, status = clients.tunnel(house.socket(sandbox_id, "egress.sock"), f"{here}:{upstream.port}")
    assert status.startswith(b"HTTP/1.1 200 ")
    client.sendall(b"ab")
    assert client.recv(10) == b"ba"
    assert names.asked == []


def test_t55_a_name_is_asked_for_once_and_what_was_checked_is_dialled(house: House, clients: Clients, upstream: Upstream, names: Names, here: str) -> None:
    # The second answer would be the attack: a name that changes between the check and the connection.
    names.known["turns.example"] = [[here], ["127.0.0.1"]]
    sandbox_id = sandbox(house, f"turns.example:{upstream.port}")
    client, status = clients.tunnel(house.socket(sandbox_id, "egress.sock"), f"turns.example:{upstream.port}")
    assert status.startswith(b"HTTP/1.1 200 ")
    client.sendall(b"ab")
    assert client.recv(10) == b"ba"
    assert names.asked == ["turns.example"]
    assert clients.tunnel(house.socket(sandbox_id, "egress.sock"), f"turns.example:{upstream.port}")[1].startswith(b"HTTP/1.1 403 ")


def test_of_several_addresses_only_those_that_may_be_dialled_are(house: House, clients: Clients, upstream: Upstream, names: Names, here: str) -> None:
    names.known["mixed.example"] = [["127.0.0.1", "169.254.169.254", here]]
    sandbox_id = sandbox(house, f"mixed.example:{upstream.port}")
    assert clients.tunnel(house.socket(sandbox_id, "egress.sock"), f"mixed.example:{upstream.port}")[1].startswith(b"HTTP/1.1 200 ")


def test_a_host_that_does_not_answer_is_no_denial(house: House, clients: Clients, here: str) -> None:
    with socket.create_server((here, 0)) as silent:
        port = silent.getsockname()[1]
    sandbox_id = sandbox(house, f"allowed.example:{port}", "unknown.example")
    for authority in (f"allowed.example:{port}", "unknown.example:443"):
        assert clients.tunnel(house.socket(sandbox_id, "egress.sock"), authority)[1] == b"HTTP/1.1 502 Unreachable"
    assert [row.verdict for row in rows(house, sandbox_id)] == ["unreachable"] * 2
    assert denials(house, sandbox_id) == []


@pytest.fixture
def tls(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> Upstream:
    """The server, at what counts as the port of https."""
    monkeypatch.setattr(listener, "HTTPS_PORT", upstream.port)
    return upstream


def test_t55_tls_to_the_very_host_goes_through(house: House, clients: Clients, tls: Upstream) -> None:
    sandbox_id = sandbox(house, f"allowed.example:{tls.port}")
    client, _ = clients.tunnel(house.socket(sandbox_id, "egress.sock"), f"allowed.example:{tls.port}")
    hello = client_hello("allowed.example")
    for start in range(0, len(hello), 100):
        client.sendall(hello[start:start + 100])
    came = b""
    while len(came) < len(hello):
        came += client.recv(4096)
    assert b"".join(tls.came) == hello
    assert denials(house, sandbox_id) == []


@pytest.mark.parametrize(("sent", "why"), [
    (client_hello("evil.example"), "its TLS names another host"), (client_hello(None), "its TLS names no host"),
    (b"GET / HTTP/1.1\r\n\r\n", "it does not begin with a TLS handshake"), (b"SSH-2.0-x\r\n", "it does not begin with a TLS handshake"),
], ids=["another", "none", "http", "ssh"])
def test_t55_what_is_no_tls_to_the_very_host_is_cut_on_the_port_of_https(house: House, clients: Clients, tls: Upstream, sent: bytes, why: str) -> None:
    sandbox_id = sandbox(house, f"allowed.example:{tls.port}")
    client, status = clients.tunnel(house.socket(sandbox_id, "egress.sock"), f"allowed.example:{tls.port}")
    assert status.startswith(b"HTTP/1.1 200 ")
    client.sendall(sent)
    assert client.recv(100) == b""
    assert tls.came == []
    [said] = denials(house, sandbox_id)
    assert said.endswith(why)


def test_t58_without_the_gateway_nothing_passes_and_after_it_new_tunnels_do(house: House, clients: Clients, upstream: Upstream) -> None:
    sandbox_id = sandbox(house, f"allowed.example:{upstream.port}")
    path = house.socket(sandbox_id, "egress.sock")
    client, _ = clients.tunnel(path, f"allowed.example:{upstream.port}")
    house.stop()
    assert client.recv(100) == b""
    with pytest.raises(OSError, match=r"."):
        clients.connect(path)
    house.start()
    client, status = clients.tunnel(path, f"allowed.example:{upstream.port}")
    assert status.startswith(b"HTTP/1.1 200 ")
    client.sendall(b"ab")
    assert client.recv(10) == b"ba"
    # What the first one had sent by then is on record as far as it went.
    assert rows(house, sandbox_id)[0].verdict == "ok, 0 bytes up, 0 down"


def test_t58_old_tunnels_are_closed_when_the_sandbox_ends(house: House, clients: Clients, upstream: Upstream) -> None:
    sandbox_id = sandbox(house, f"allowed.example:{upstream.port}")
    path = house.socket(sandbox_id, "egress.sock")
    door = house.claimed(sandbox_id)
    client, _ = clients.tunnel(path, f"allowed.example:{upstream.port}")
    for _ in range(2):
        clients.tunnel(path, "evil.example:443")
    assert door.post("/runner/end", json={"reason": "exited", "exit_code": 0}).status_code == 204
    assert client.recv(100) == b""
    assert clients.connect(path).recv(100) == b""
    # The repeated one is said before the end, so that nothing follows it.
    assert denials(house, sandbox_id)[-1].startswith("1 more requests were denied")
    house.control.close(sandbox_id)
    assert not path.exists()


def test_t60_tunnels_and_connections_of_a_sandbox_are_bounded(
    house: House, clients: Clients, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "MAX_TUNNELS", 2)
    monkeypatch.setattr(listener, "MAX_CONNECTIONS", 4)
    monkeypatch.setattr(listener, "MOST_TUNNELS", 4)
    mine, theirs = (sandbox(house, f"allowed.example:{upstream.port}") for _ in range(2))
    path, authority = house.socket(mine, "egress.sock"), f"allowed.example:{upstream.port}"
    held = [clients.tunnel(path, authority) for _ in range(2)]
    assert clients.tunnel(path, authority)[1] == b"HTTP/1.1 503 Too many tunnels"
    silent = [clients.connect(path) for _ in range(2)]
    eventually(lambda: clients.connect(path).recv(1) == b"")
    assert clients.tunnel(house.socket(theirs, "egress.sock"), authority)[1].startswith(b"HTTP/1.1 200 ")
    for client, _ in held:
        client.close()
    for client in silent:
        client.close()

    def status() -> bytes:
        try:
            return clients.tunnel(path, authority)[1]
        except ConnectionError:  # one connection too many is hung up on
            return b""

    eventually(lambda: status().startswith(b"HTTP/1.1 200 "))
    eventually(lambda: status().startswith(b"HTTP/1.1 403 "))


def test_t60_who_is_slow_or_still_is_let_go(house: House, clients: Clients, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(tunnel, "IDLE_SECONDS", 0.2)
    sandbox_id = sandbox(house, f"allowed.example:{upstream.port}")
    path = house.socket(sandbox_id, "egress.sock")
    slow = clients.connect(path)
    slow.sendall(b"CONNECT allo")
    assert whole_answer(slow).startswith(b"HTTP/1.1 408 ")
    still, _ = clients.tunnel(path, f"allowed.example:{upstream.port}")
    assert still.recv(1) == b""


def test_t60_a_client_that_takes_nothing_holds_the_other_end_back(
    house: House, clients: Clients, here: str, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox_id = sandbox(house, f"allowed.example:{upstream.port}")
    client, _ = clients.tunnel(house.socket(sandbox_id, "egress.sock"), f"allowed.example:{upstream.port}")
    client.setblocking(False)
    sent = 0
    chunk = b"x" * 65536

    def stuck() -> bool:
        nonlocal sent
        try:
            sent += client.send(chunk)
        except BlockingIOError:
            return True
        return False

    # Nothing is read here, so the server cannot write, so it reads no more, so neither does the gateway.
    eventually(stuck)
    eventually(stuck)
    assert sent < 64 * 1024 * 1024
    client.setblocking(True)
    client.settimeout(20)
    received = 0
    while received < sent:
        received += len(client.recv(1 << 20))
    assert received == sent


def test_a_ledger_that_is_away_opens_no_tunnel(house: House, clients: Clients, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox_id = sandbox(house, f"allowed.example:{upstream.port}")

    def broken(*_: Any, **__: Any) -> int:
        from sqlalchemy.exc import OperationalError

        raise OperationalError("x", None, Exception("away"))

    monkeypatch.setattr(audit, "record", broken)
    client, status = clients.tunnel(house.socket(sandbox_id, "egress.sock"), f"allowed.example:{upstream.port}")
    assert status == b"HTTP/1.1 503 Not now"
    assert upstream.came == []
    client.close()


def test_an_entry_that_cannot_be_read_permits_nothing(house: House, clients: Clients, upstream: Upstream) -> None:
    sandbox_id = sandbox(house, "*", "allowed.example:0", f"allowed.example:{upstream.port}")
    path = house.socket(sandbox_id, "egress.sock")
    assert clients.tunnel(path, "evil.example:443")[1].startswith(b"HTTP/1.1 403 ")
    assert clients.tunnel(path, f"allowed.example:{upstream.port}")[1].startswith(b"HTTP/1.1 200 ")
