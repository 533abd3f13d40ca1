"""`up` and the separate processes: what they print, how they refuse, how they end."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app.emulators.github.emulator import GitHubEmulator
from tests.app.commands.bellhop import Machine, machine, one_line
from tests.e2e.harness import environment_for, github, until
from tests.environment.services import free_port

PROFILE = "on: {issues: {types: [labeled]}}\nagent: {uses: command, with: {run: 'true'}}\ncontainer: {isolation: process}\n"
SEPARATE = ("web", "worker", "gateway", "beat")


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHubEmulator]:
    with github(tmp_path_factory.mktemp("github")) as running:
        yield running


@pytest.fixture
def ready(emulator: GitHubEmulator, tmp_path: Path, runtime_dir: Path) -> Machine:
    settings = environment_for(emulator, tmp_path, runtime_dir, port=free_port(), BELLHOP_SANDBOX_BACKEND="bubblewrap")
    (tmp_path / "profiles" / "fix.yaml").write_text(PROFILE)
    return machine(tmp_path, runtime_dir, **settings)


@contextmanager
def up(machine: Machine, **more: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """`bellhop up`, and the lines it has printed by the time it is up."""
    child = machine.start("up", **more)
    assert child.stdout is not None
    assert child.stderr is not None
    lines: list[str] = []
    errors: list[str] = []
    readers = [
        threading.Thread(target=lambda: lines.extend(iter(child.stdout.readline, ""))),  # type: ignore[union-attr]
        threading.Thread(target=lambda: errors.extend(iter(child.stderr.readline, ""))),  # type: ignore[union-attr]
    ]
    for reader in readers:
        reader.start()
    try:
        until(lambda: len(lines) >= 3 or child.poll() is not None, "it is up", lambda: "".join(errors), 30)
        assert child.poll() is None, "".join(errors)
        yield child, lines
    finally:
        child.terminate()
        child.wait(timeout=30)
        for reader in readers:
            reader.join(timeout=10)
        child.stdout.close()
        child.stderr.close()


def test_up_says_where_it_is_and_ends_when_told(ready: Machine) -> None:
    port = ready.environment["BELLHOP_WEB_PORT"]
    url = f"http://127.0.0.1:{port}"
    with up(ready) as (child, lines):
        assert lines[0] == f"Bellhop is up. Webhooks: {url}/hooks/github\n"
        assert lines[1].startswith(f"Pages (this link works once): {url}/enter?key=")
        assert lines[2] == "Sandboxes: bubblewrap, isolation level `process`\n"
        key = lines[1].strip().partition("?key=")[2]
        with httpx.Client(base_url=url, trust_env=False, timeout=10) as client:
            assert client.post("/enter", data={"key": key}).status_code == 303
            assert client.get("/").status_code == 200
            assert client.post("/hooks/github", content=b"{}").status_code == 401
            assert httpx.get(f"{url}/health", trust_env=False).json() == {"ok": True}
        again = one_line(ready.run("up", BELLHOP_WEB_PORT="0"))
        assert again.startswith(f"another Bellhop works on {ready.environment['BELLHOP_STATE_DIR']}: ")
        other = one_line(ready.run("up", BELLHOP_WEB_PORT="0", BELLHOP_STATE_DIR=str(ready.directory / "other")))
        assert "BELLHOP_RUNTIME_DIR" in other
        began = time.monotonic()
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=20) == 0
        assert time.monotonic() - began < 10
    assert lines[-1] == "Stopping; sandboxes that run go on, and are found again at the next start.\n"
    with up(ready, BELLHOP_PUBLIC_URL="https://bellhop.test/") as (child, lines):
        assert lines[0] == "Bellhop is up. Webhooks: https://bellhop.test/hooks/github\n"
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=20) == 0


def test_a_live_page_does_not_keep_it_from_ending(ready: Machine) -> None:
    from app.core.step import Step
    from tests.app.observe.scene_runs import ledger, say, started

    with ledger(ready.directory / "state") as database:
        run_id, _ = started(database)
        say(database, run_id, Step(kind="log", text="x"))
    url = f"http://127.0.0.1:{ready.environment['BELLHOP_WEB_PORT']}"
    with up(ready) as (child, lines), httpx.Client(base_url=url, trust_env=False, timeout=20) as client:
        client.post("/enter", data={"key": lines[1].strip().partition("?key=")[2]})
        answer = client.send(client.build_request("GET", f"/runs/{run_id}/live"), stream=True)
        assert next(answer.iter_lines())
        began = time.monotonic()
        child.terminate()
        assert child.wait(timeout=20) == 0
        assert time.monotonic() - began < 10


@pytest.mark.parametrize(("changes", "says"), [
    ({"BELLHOP_GITHUB_WEBHOOK_SECRET": ""}, "set BELLHOP_GITHUB_WEBHOOK_SECRET"),
    ({"BELLHOP_GITHUB_APP_ID": ""}, "set BELLHOP_GITHUB_APP_ID"),
    ({"BELLHOP_GITHUB_PRIVATE_KEY_FILE": "/nowhere.pem"}, "/nowhere.pem"),
    ({"BELLHOP_STATE_DIR": "/dev/null/state"}, "cannot use /dev/null/state"),
    ({"BELLHOP_RUNTIME_DIR": "/dev/null/run"}, "cannot use /dev/null/run"),
    ({"BELLHOP_RUNTIME_DIR": "/tmp/" + "x" * 100}, "BELLHOP_RUNTIME_DIR"),
    ({"BELLHOP_PROFILES_DIR": "/nowhere"}, "BELLHOP_PROFILES_DIR"),
    ({"BELLHOP_WEB_HOST": "192.0.2.1"}, "BELLHOP_WEB_HOST"),
    ({"BELLHOP_DATABASE_URL": "postgresql+psycopg://u:hunter2@127.0.0.1:9/x"}, "BELLHOP_DATABASE_URL"),
])
def test_up_refuses_in_one_line(changes: dict[str, str], says: str, ready: Machine) -> None:
    line = one_line(ready.run("up", **changes))
    assert says in line
    assert "hunter2" not in line


def test_up_refuses_a_port_that_is_taken(ready: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = one_line(ready.run("up", BELLHOP_WEB_PORT=port))
    assert line.startswith(f"cannot listen on 127.0.0.1:{port} (Address already in use): ")


@pytest.mark.parametrize("verb", SEPARATE)
def test_one_process_of_several_refuses_a_broker_that_is_none(verb: str, ready: Machine) -> None:
    assert "bellhop up" in one_line(ready.run(verb, BELLHOP_BROKER_URL="memory://"))


@pytest.mark.parametrize("verb", ["web", "worker", "gateway"])
def test_each_process_refuses_a_database_that_is_not_there(verb: str, ready: Machine) -> None:
    redis = {"BELLHOP_BROKER_URL": "redis://127.0.0.1:9/0"}
    line = one_line(ready.run(verb, BELLHOP_DATABASE_URL=f"sqlite:///{ready.directory}/empty.db", **redis))
    assert line.endswith("run `bellhop migrate`")
    assert "BELLHOP_DATABASE_URL" in one_line(ready.run(verb, BELLHOP_DATABASE_URL="postgresql+psycopg://u@127.0.0.1:9/x", **redis))


@pytest.mark.parametrize(("verb", "changes", "says"), [
    ("web", {"BELLHOP_GITHUB_WEBHOOK_SECRET": ""}, "BELLHOP_GITHUB_WEBHOOK_SECRET"),
    ("web", {"BELLHOP_WEB_HOST": "192.0.2.1"}, "cannot listen on 192.0.2.1"),
    ("worker", {"BELLHOP_GITHUB_APP_ID": ""}, "BELLHOP_GITHUB_APP_ID"),
    ("worker", {"BELLHOP_PROFILES_DIR": "/nowhere"}, "BELLHOP_PROFILES_DIR"),
    ("gateway", {"BELLHOP_RUNTIME_DIR": "/tmp/" + "x" * 100}, "BELLHOP_RUNTIME_DIR"),
    ("worker", {"BELLHOP_STATE_DIR": "/dev/null/state"}, "/dev/null/state"),
])
def test_each_process_refuses_what_it_cannot_do_without(verb: str, changes: dict[str, str], says: str, ready: Machine) -> None:
    ready.run("migrate", BELLHOP_DATABASE_URL=f"sqlite:///{ready.directory}/some.db")
    more = {"BELLHOP_BROKER_URL": "redis://127.0.0.1:9/0", "BELLHOP_DATABASE_URL": f"sqlite:///{ready.directory}/some.db"}
    assert says in one_line(ready.run(verb, **more | changes))


@pytest.mark.redis
def test_the_separate_processes_end_when_told(ready: Machine, redis_url: str) -> None:
    more = {"BELLHOP_BROKER_URL": redis_url}
    assert ready.run("migrate").code == 0
    children = {verb: ready.start(verb, **more) for verb in SEPARATE}
    try:
        port = int(ready.environment["BELLHOP_WEB_PORT"])

        def listening() -> bool:
            assert all(child.poll() is None for child in children.values())
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0 and (Path(ready.environment["BELLHOP_RUNTIME_DIR"]) / "gateway.sock").exists()

        until(listening, "web and gateway listen", timeout_seconds=30)
        second = one_line(ready.run("gateway", **more))
        assert second.startswith("another gateway is running on this host")
        assert one_line(ready.run("web", **more)).startswith("cannot listen on")
        for child in children.values():
            child.send_signal(signal.SIGTERM)
        said = {verb: child.communicate(timeout=30) for verb, child in children.items()}
        assert {verb: child.returncode for verb, child in children.items()} == dict.fromkeys(SEPARATE, 0), said
        for verb, (out, err) in said.items():
            assert out == "", verb
            assert "Traceback" not in err, err
            assert all(line.startswith("{") for line in err.splitlines()), err
    finally:
        for child in children.values():
            if child.poll() is None:
                child.kill()
                child.communicate(timeout=10)
