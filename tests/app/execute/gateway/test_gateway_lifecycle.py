"""Doors open, close, survive a restart of the gateway, and hold off what an untrusted peer can do to them."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from app.core.assignment import SandboxEnd
from app.errors import ConfigurationError, ServiceError
from app.execute.gateway import doors, listener
from app.execute.gateway.control import GatewayClient
from app.execute.gateway.main import gateway_thread
from app.ledger import sandboxes
from app.ledger.database import Database
from app.settings import Settings
from tests.app.execute.gateway.fake_model_api import FIRST_EVENT, FakeModelApi
from tests.app.execute.gateway.house import House, eventually, plain_agent


def test_opening_twice_is_fine(house: House) -> None:
    sandbox_id = house.sandbox()
    door = house.claimed(sandbox_id)
    assert house.control.open(sandbox_id) == house.socket(sandbox_id).parent
    assert house.control.health() == 1
    assert door.get("/runner/assignment").status_code == 200


def test_closing_removes_every_trace_and_twice_is_fine(house: House) -> None:
    sandbox_id = house.sandbox()
    house.control.close(sandbox_id)
    house.control.close(sandbox_id)
    assert not house.socket(sandbox_id).parent.exists()
    assert house.control.health() == 0


@pytest.mark.parametrize(("sandbox_id", "reason"), [
    ("aaaaaaaaaaaa-work", "sandbox_unknown"), ("x", "sandbox_id"), ("..-work", "sandbox_id"), ("a-work%2f..", "gateway"),
    ("a-work\n", "sandbox_id"),
])
def test_only_sandboxes_on_file_get_a_door(house: House, sandbox_id: str, reason: str) -> None:
    with pytest.raises(ServiceError) as caught:
        house.control.open(sandbox_id.replace("\n", "%0a"))
    assert (caught.value.reason, caught.value.retryable) == (reason, False)
    assert list((house.settings.runtime_dir / "doors").iterdir()) == []


def test_a_sandbox_that_has_ended_gets_no_door(house: House) -> None:
    sandbox_id = house.sandbox()
    house.control.close(sandbox_id)
    with house.database.begin() as tx:
        sandboxes.ended(tx, sandbox_id, SandboxEnd(reason="lost"))
    with pytest.raises(ServiceError, match="has ended"):
        house.control.open(sandbox_id)


def test_after_a_restart_the_same_key_works_and_strays_are_gone(house: House) -> None:
    kept, gone = house.sandbox(), house.sandbox()
    key = house.claimed(kept).headers["authorization"].removeprefix("Bearer ")
    house.door(kept, key).post("/runner/steps", json={"first": 0, "lines": [{"stream": "stdout", "text": "one"}]})
    inode = house.socket(kept).parent.stat().st_ino
    house.stop()
    with house.database.begin() as tx:
        sandboxes.ended(tx, gone, SandboxEnd(reason="lost"))
    (house.settings.runtime_dir / "doors" / "stray").mkdir()

    house.start()
    assert house.control.health() == 1
    door = house.door(kept, key)
    assert door.post("/runner/steps", json={"first": 0, "lines": [{"stream": "stdout", "text": "one"}]}).json() == {"next": 1}
    assert house.door(kept).post("/runner/hello", json={"protocol": 1}).status_code == 409
    assert house.door(kept, "wrong").get("/runner/assignment").status_code == 401
    assert [entry.name for entry in (house.settings.runtime_dir / "doors").iterdir()] == [kept]
    assert house.socket(kept).parent.stat().st_ino == inode, "a sandbox has the directory mounted"


def test_a_bundle_sent_before_a_restart_counts(house: House) -> None:
    sandbox_id = house.sandbox()
    door = house.claimed(sandbox_id)
    key = door.headers["authorization"].removeprefix("Bearer ")
    door.post("/runner/bundle", content=b"x", headers={"content-type": "application/octet-stream"})
    house.stop()
    house.start()
    house.door(sandbox_id, key).post("/runner/end", json={"reason": "exited", "has_bundle": True})
    with house.database.read() as tx:
        row = sandboxes.load(tx, sandbox_id)
    assert row is not None
    assert row.end is not None
    assert row.end.has_bundle


def test_a_gateway_that_died_leaves_sockets_that_the_next_replaces(house: House) -> None:
    sandbox_id = house.sandbox()
    house.stop()
    for path in (house.socket(sandbox_id), house.settings.gateway_socket):
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(path))
    house.start()
    assert house.door(sandbox_id).post("/runner/hello", json={"protocol": 1}).status_code == 200


def test_two_gateways_do_not_share_a_host(house: House) -> None:
    with pytest.raises(ConfigurationError, match="another gateway"), gateway_thread(
        house.settings, house.database, lambda run, host: None, agent=plain_agent
    ):
        pass
    assert house.control.health() == 0


def test_stopping_is_quick_whatever_is_open(house: House, model_api: FakeModelApi) -> None:
    sandbox_id = house.sandbox()
    runner = house.claimed(sandbox_id)
    poll = threading.Thread(target=lambda: runner.get("/runner/messages", params={"wait": 25}))
    poll.start()
    with house.door(sandbox_id).stream("POST", "/anthropic/v1/messages", json={"behave": "held"}) as answer:
        pieces = answer.iter_raw()  # kept, or its end would close the stream from this side
        assert next(pieces) == FIRST_EVENT
        idle = socket.socket(socket.AF_UNIX)
        idle.connect(str(house.socket(sandbox_id)))
        half = socket.socket(socket.AF_UNIX)
        half.connect(str(house.socket(sandbox_id)))
        half.sendall(b"POST /runner/hello HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        began = time.monotonic()
        assert house._gateway is not None
        house._gateway.__exit__(None, None, None)
        house._gateway = None
        assert time.monotonic() - began < 4
        idle.close()
        half.close()
    poll.join(20)
    assert not poll.is_alive()


def test_an_ended_door_closes_by_itself(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "_LINGER_SECONDS", 0.05)
    sandbox_id = house.sandbox()
    house.claimed(sandbox_id).post("/runner/end", json={"reason": "exited"})
    eventually(lambda: not house.socket(sandbox_id).parent.exists())
    assert len(house.ended) == 1


def test_a_wakeup_that_fails_does_not_keep_the_door_open(
    settings: Settings, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "_LINGER_SECONDS", 0.05)
    house.ended = Refusing()
    sandbox_id = house.sandbox()
    house.claimed(sandbox_id).post("/runner/end", json={"reason": "exited"})
    eventually(lambda: not house.socket(sandbox_id).parent.exists())


class Refusing(list[tuple[str, str]]):
    """A broker that is down."""

    def append(self, item: tuple[str, str]) -> None:
        raise ConnectionError


def test_the_client_says_what_to_do_when_nobody_answers(short_dir: Path) -> None:
    with pytest.raises(ServiceError, match="bellhop gateway") as caught:
        GatewayClient(short_dir / "gateway.sock").open("a-work")
    assert caught.value.retryable


def test_a_runtime_directory_that_is_too_long_is_refused(settings: Settings, tmp_path: Path, house: House) -> None:
    long = settings.model_copy(update={"runtime_dir": tmp_path / ("x" * 90)})
    with pytest.raises(ConfigurationError, match="107"), gateway_thread(
        long, house.database, lambda run, host: None, agent=plain_agent
    ):
        pass


def test_a_runtime_directory_that_others_may_write_is_refused(settings: Settings, house: House, short_dir: Path) -> None:
    loose = short_dir / "loose"
    loose.mkdir()
    loose.chmod(0o777)
    with pytest.raises(ConfigurationError, match="chmod go-w"), gateway_thread(
        settings.model_copy(update={"runtime_dir": loose}), house.database, lambda run, host: None, agent=plain_agent
    ):
        pass


def test_a_ledger_that_is_not_there_fails_the_start(settings: Settings) -> None:
    settings.state_dir.mkdir()
    empty = Database(f"sqlite:///{settings.state_dir / 'empty.db'}")
    with pytest.raises(Exception, match="no such table"), gateway_thread(
        settings, empty, lambda run, host: None, agent=plain_agent
    ):
        pass
    empty.close()


CONNECT = ["perl", "-MSocket", "-e",
           "socket(S, AF_UNIX, SOCK_STREAM, 0); print connect(S, sockaddr_un($ARGV[0])) ? 'connected' : $!"]
AS_SANDBOX = ["setpriv", "--reuid=10001", "--regid=10001", "--clear-groups", "--inh-caps=-all"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become other users")
def test_another_user_of_the_host_reaches_no_socket(house: House, short_dir: Path) -> None:
    sandbox_id = house.sandbox()
    short_dir.chmod(0o755)
    for path in (house.socket(sandbox_id), house.settings.gateway_socket):
        assert said([*CONNECT, str(path)]) == "connected"
        assert said([*AS_SANDBOX, *CONNECT, str(path)]) == "Permission denied"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_sandboxs_user_reaches_its_door_through_a_read_only_mount(house: House) -> None:
    directory = house.socket(house.sandbox()).parent
    seen = Path(tempfile.mkdtemp(prefix="bh-mount-", dir="/tmp"))
    seen.chmod(0o755)
    mount = 'mount --bind "$0" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'
    try:
        inside = ["unshare", "--mount", "--propagation=private", "sh", "-c", mount, str(directory), str(seen)]
        assert said([*inside, *AS_SANDBOX, *CONNECT, f"{seen}/door.sock"]) == "connected"
        assert said([*inside, *AS_SANDBOX, "sh", "-c", f"touch {seen}/x || echo no"]) == "no"
        assert said([*inside, "sh", "-c", f"touch {seen}/x || echo no"]) == "no"
    finally:
        seen.rmdir()


def said(argv: list[str]) -> str:
    return subprocess.run(argv, cwd="/", capture_output=True, text=True, timeout=20, check=True).stdout.strip()


def test_a_head_that_trickles_or_never_comes_is_given_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "HEADER_SECONDS", 0.3)
    sandbox_id = house.sandbox()
    for sent in (b"", b"POST /runner/hello HTTP/1.1\r\nHo"):
        began = time.monotonic()
        with contextlib.suppress(ConnectionResetError):
            assert house.raw(sandbox_id, sent) == b""
        assert time.monotonic() - began < 5, sent


def test_a_second_head_that_trickles_is_given_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "HEADER_SECONDS", 0.3)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(house.socket(house.sandbox())))
        connection.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        came = b""
        while not came.endswith(b'"}'):
            came += connection.recv(65536)
        connection.sendall(b"GET /noth")
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(65536) == b""


def test_a_head_over_its_bound_is_refused(house: House) -> None:
    sent = b"POST /runner/hello HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 200_000
    try:
        answer = house.raw(house.sandbox(), sent)
    except (BrokenPipeError, ConnectionResetError):
        return
    assert answer.startswith(b"HTTP/1.1 4")


def test_a_door_takes_only_so_many_connections_and_the_next_door_does_not_notice(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "MAX_CONNECTIONS", 5)
    flooded, quiet = house.sandbox(), house.sandbox()
    held = []
    for _ in range(5):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(house.socket(flooded)))
        held.append(connection)
    one_more = socket.socket(socket.AF_UNIX)
    one_more.settimeout(5)
    one_more.connect(str(house.socket(flooded)))
    assert one_more.recv(1) == b""
    assert house.door(quiet).post("/runner/hello", json={"protocol": 1}).status_code == 200
    for connection in [*held, one_more]:
        connection.close()
    eventually(lambda: house.door(flooded).post("/runner/hello", json={"protocol": 1}).status_code == 200)


def test_one_sandbox_cannot_speak_for_another(house: House) -> None:
    """The sandbox is who its socket says, whatever the request says."""
    one, two = house.sandbox(), house.sandbox()
    key = house.claimed(two).headers["authorization"].removeprefix("Bearer ")
    assert house.door(one, key).post("/runner/end", json={"reason": "exited"}).status_code == 401
    runner = house.claimed(one)
    runner.post("/runner/steps", json={"first": 0, "lines": [], "run_id": two, "sandbox_id": two})
    runner.post("/runner/steps", json={"first": 0, "lines": [{"stream": "stdout", "text": "mine"}]},
                headers={"host": two})
    assert [step.sandbox_id for step in house.steps(one)] == [one]
    assert house.steps(two) == []
