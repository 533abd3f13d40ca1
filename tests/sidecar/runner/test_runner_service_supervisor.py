"""A service's supervisor as a real process: what it starts, when it says that the service is up, and how it failed."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.runner.service.health import Patience
from sidecar.runner.service.order import Check
from sidecar.runner.services import ask
from tests.environment.services import free_port

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = ROOT / "sidecar/runner/service"


class Service:
    """One supervisor; `state` waits until it says something else than that it is starting."""

    def __init__(self, *argv: str, environ: dict[str, str] | None = None, **order: Any) -> None:
        self.socket = f"bellhop-test/{secrets.token_hex(6)}"
        given = {
            "socket": self.socket, "argv": list(argv), "env": {"PATH": os.environ["PATH"]}, "cwd": "/", "ports": [], "port_patience_seconds": 20.0,
            "check": None, "directories": [],
        } | order
        self.process = subprocess.Popen(
            [sys.executable, "-I", str(PROGRAM), json.dumps(given)], env=environ or {"PATH": os.environ["PATH"]}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )

    def says(self) -> dict[str, Any]:
        return ask(f"\0{self.socket}") or {}

    def state(self, wanted: str = "") -> dict[str, Any]:
        deadline = time.monotonic() + 20
        while (said := self.says()).get("state", "starting") == "starting" or (wanted and said["state"] != wanted):
            assert time.monotonic() < deadline, said
            assert self.process.poll() is None, self.process.communicate()[0]
            time.sleep(0.02)
        return said


@pytest.fixture
def services() -> Iterator[list[Service]]:
    made: list[Service] = []
    yield made
    for each in made:
        if each.process.poll() is None:
            each.process.kill()
        each.process.communicate()


def check(shell: str = "", *argv: str, **more: Any) -> dict[str, Any]:
    return {"shell": shell, "argv": list(argv), "interval_seconds": 0.1, "timeout_seconds": 5.0, "start_period_seconds": 0.0, "retries": 3} | more


LISTENS = "import socket, sys, time\ns = socket.create_server(('127.0.0.1', int(sys.argv[1])))\nprint('listening', flush=True)\ntime.sleep(60)"


WATCHED = """\
import json, sys
from sidecar.runner.service.children import Children
from sidecar.runner.service.health import watch
from sidecar.runner.service.order import Order
pauses = []
watch(Order.read(sys.argv[1]), Children(), lambda: len(pauses) < 4, pauses.append)
print(json.dumps(pauses))
"""


def test_it_is_up_when_each_of_its_ports_listens(services: list[Service]) -> None:
    first, second = free_port(), free_port()
    services.append(Service(sys.executable, "-c", LISTENS, str(first), ports=[first, second]))
    while not services[0].says().get("lines"):
        time.sleep(0.02)
    assert services[0].says()["state"] == "starting"
    services.append(Service(sys.executable, "-c", LISTENS, str(second), ports=[second]))
    assert services[0].state()["state"] == "healthy"


def test_one_that_listens_nowhere_fails_after_its_time(services: list[Service]) -> None:
    port = free_port()
    services.append(Service("sleep", "60", ports=[port], port_patience_seconds=0.3))
    assert services[0].state()["text"] == f"did not come up: nothing listened on port {port} of 127.0.0.1 within 0.3 s"


def test_it_is_up_when_its_health_check_says_so(services: list[Service], tmp_path: Path) -> None:
    services.append(Service("sleep", "60", check=check(f'test "$MINE" = yes && test -e {tmp_path}/up', retries=10_000), env={"PATH": os.environ["PATH"], "MINE": "yes"}))
    services.append(Service("sleep", "60", check=check("", "test", "-e", f"{tmp_path}/up", retries=10_000)))
    for each in services:
        while not each.says():
            time.sleep(0.02)
        assert each.says()["state"] == "starting"
    (tmp_path / "up").touch()
    assert [each.state()["state"] for each in services] == ["healthy", "healthy"]


def test_a_health_check_that_succeeds_counts_for_nothing_before_the_ports_listen(services: list[Service]) -> None:
    """A database that sets itself up answers its own check by a socket that nobody else reaches."""
    port = free_port()
    services.append(Service("sleep", "60", ports=[port], check=check("echo asked >&2; true", retries=10_000)))
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        assert services[0].says().get("state", "starting") == "starting"
    services.append(Service(sys.executable, "-c", LISTENS, str(port), ports=[port]))
    assert services[0].state()["state"] == "healthy"


def test_without_ports_a_health_check_is_asked_no_sooner_than_docker_would(services: list[Service], tmp_path: Path) -> None:
    order = json.dumps({
        "socket": "x", "argv": [], "env": {}, "cwd": "/", "ports": [], "port_patience_seconds": 1, "directories": [],
        "check": check(f"echo >>{tmp_path}/asked; false", interval_seconds=7.0, retries=2),
    })
    # In a process of its own: the reaper waits for every child of the process that it is in, a test's too.
    done = subprocess.run([sys.executable, "-c", WATCHED, order], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    assert json.loads(done.stdout) == [7.0] * 4
    assert (tmp_path / "asked").read_text() == "\n" * 3, "the first pause comes before the first question"


def test_a_health_check_that_fails_often_enough_is_told_with_its_words(services: list[Service]) -> None:
    services.append(Service("sh", "-c", "echo booting; exec sleep 60", check=check("echo no connection >&2; exit 2", retries=2)))
    said = services[0].state()
    assert said["state"] == "failed"
    assert said["text"] == "did not come up: its health check failed 2 times; the last time it ended with exit code 2: no connection"
    assert said["lines"] == ["booting"]


def test_a_health_check_that_hangs_is_killed_and_counts(services: list[Service]) -> None:
    services.append(Service("sleep", "60", check=check("sleep 60", timeout_seconds=0.2, retries=2)))
    assert services[0].state()["text"].endswith("the last time it took more than 0.2 s")


def test_without_ports_and_check_it_is_up_once_it_runs(services: list[Service]) -> None:
    services.append(Service("sleep", "60"))
    assert services[0].state()["state"] == "healthy"


def test_one_that_ends_is_told_with_its_exit_code_and_its_last_lines_bounded(services: list[Service]) -> None:
    services.append(Service("sh", "-c", 'for i in $(seq 100); do echo "line $i"; done; head -c 5000 /dev/zero | tr "\\0" x; exit 3', ports=[free_port()]))
    said = services[0].state()
    assert (said["state"], said["text"]) == ("failed", "ended with exit code 3")
    assert len(said["lines"]) == 20
    assert said["lines"][-1] == "x" * 400
    assert said["lines"][-2] == "line 100"


def test_one_that_ends_after_it_was_up_is_told_too(services: list[Service], tmp_path: Path) -> None:
    services.append(Service("sh", "-c", f"while ! test -e {tmp_path}/end; do sleep 0.05; done"))
    services[0].state("healthy")
    (tmp_path / "end").touch()
    assert services[0].state("failed")["text"] == "ended with exit code 0"


def test_one_that_is_killed_is_told(services: list[Service]) -> None:
    services.append(Service("sh", "-c", "kill -KILL $$"))
    assert services[0].state("failed")["text"] == "was killed, most likely for want of memory (`--memory`)"


def test_a_program_that_is_not_there_is_told(services: list[Service]) -> None:
    services.append(Service("no-such-program-here"))
    assert "no-such-program-here" in services[0].state()["text"]


def test_the_services_environment_is_its_own_and_does_not_steer_its_supervisor(services: list[Service]) -> None:
    hostile = {"PYTHONHOME": "/evil", "PYTHONSTARTUP": "/evil", "PATH": os.environ["PATH"], "PYTHONPATH": "/evil"}
    services.append(Service("sh", "-c", 'echo "$PYTHONHOME $OUTSIDE"; exec sleep 60', env=hostile, environ={"PATH": os.environ["PATH"], "OUTSIDE": "seen"}))
    services[0].state("healthy")
    while not services[0].says()["lines"]:
        time.sleep(0.02)
    assert services[0].says()["lines"] == ["/evil "]


def test_a_stop_is_handed_on_and_ends_it(services: list[Service]) -> None:
    services.append(Service("sh", "-c", "trap 'echo stopping; exit 0' TERM; echo ready; while :; do sleep 0.05; done"))
    while services[0].says().get("lines") != ["ready"]:
        time.sleep(0.02)
    services[0].process.send_signal(signal.SIGTERM)
    output = services[0].process.communicate(timeout=20)[0]
    assert "stopping" in output
    assert services[0].process.returncode == 0


def test_directories_of_the_image_are_made_anew(services: list[Service], tmp_path: Path) -> None:
    services.append(Service("sleep", "60", directories=[[f"{tmp_path}/run/db", 0o2775, os.getuid(), os.getgid()]], cwd=f"{tmp_path}/work"))
    services[0].state("healthy")
    assert (tmp_path / "run/db").stat().st_mode & 0o7777 == 0o2775
    assert (tmp_path / "work").is_dir()


def test_failures_count_no_more_often_than_once_in_an_interval() -> None:
    """As Docker counts: each second is looked, so that nobody waits, and a slow start has all the time that it was given."""
    patience = Patience(Check((), "x", interval_seconds=10, timeout_seconds=5, start_period_seconds=30, retries=2), started_at=100.0)
    told = {at: patience.is_over(at) for at in (100.0, 101.0, 129.0, 131.0, 139.0, 140.0, 141.0, 149.0)}
    assert not any(told.values())
    assert patience.is_over(150.0)


def test_t43_a_service_is_under_the_runners_filter(services: list[Service]) -> None:
    services.append(Service("sh", "-c", "grep ^Seccomp_filters: /proc/self/status; exec sleep 60"))
    while not services[0].says().get("lines"):
        time.sleep(0.02)
    own = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("Seccomp_filters:"))
    assert int(services[0].says()["lines"][0].split()[1]) == int(own.split()[1]) + 1
