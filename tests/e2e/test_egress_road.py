"""Tunnels out of real sandboxes, at every level: the host that the profile names is reached, and nothing else is (T51-T54)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from app.emulators.github.emulator import GitHubEmulator
from app.ledger import audit, steps
from tests.app.execute.gateway.egress.outside import own_address
from tests.conftest import missing
from tests.e2e.embedded import embedded
from tests.e2e.harness import LEVELS, REPO, profile

pytestmark = [pytest.mark.slow]  # whole runs, in real sandboxes

PROBE = Path(__file__).with_name("egress_agent.txt")
REFUSED = "OSError: Tunnel connection failed: 403 Not in the profile's egress connect"


class Outside(BaseHTTPRequestHandler):
    """A web server outside."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"outside{self.path}".encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def outside() -> Iterator[tuple[str, int]]:
    """An address of this machine and a port, where a web server listens."""
    with ThreadingHTTPServer((own_address(), 0), Outside) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield str(server.server_address[0]), int(server.server_address[1])
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("backend", "isolation"), LEVELS)
def test_t51_t54_the_named_host_is_reached_from_a_sandbox_and_nothing_else_is(
    backend: str, isolation: str, emulator: GitHubEmulator, tmp_path: Path, runtime_dir: Path, docker_host: str,
    outside: tuple[str, int], request: pytest.FixtureRequest,
) -> None:
    # An engine is asked for where one is needed only.
    image: str = request.getfixturevalue("bubblewrap" if backend == "bubblewrap" else "debian_image")
    if backend == "gvisor" and "runsc" not in request.getfixturevalue("docker_client").info()["Runtimes"]:
        missing("the Docker engine has no runtime `runsc`")
    address, port = outside
    text = profile(
        f"/agent/bin/python3 - {address} {port} <<'PROBE'\n{PROBE.read_text()}\nPROBE", isolation=isolation,
        image=image if backend != "bubblewrap" else "", more=f"egress: {{connect: ['{address}:{port}']}}\ntimeout-minutes: 3",
    )
    settings = {"sandbox_backend": backend, "docker_host": docker_host, "egress_private_networks": address}
    with embedded(emulator, tmp_path, runtime_dir, {"fix": text}, **settings) as road:
        road.ring()
        comment = road.told("ull request", timeout_seconds=150)
        [pull] = emulator.pull_requests(REPO)
        found: dict[str, Any] = json.loads(emulator.read(REPO, road.branch(), "egress.json"))
        with road.bellhop.database.read() as tx:
            used = [row for row in audit.of_run(tx, road.newest().id) if row.action == "egress"]
            denied = [row.step.text for row in steps.after(tx, road.newest().id) if row.step.kind == "denied"]
        road.nothing_is_left()

    assert found.pop("allowed") == "outside/from-inside"
    assert found.pop("evil") == found.pop("other_port") == found.pop("metadata") == REFUSED
    assert found.pop("https") == f"URLError: <urlopen error {REFUSED.removeprefix('OSError: ')}>"
    assert found.pop("direct").startswith("OSError: ")
    assert found.pop("datagram").startswith("OSError: ")
    assert found.pop("name").startswith("gaierror: ")
    assert found.pop("plain") == "403"
    # The door's own no, not the proxy's: NO_PROXY is minded.
    assert found.pop("door") == "404"
    if "curl" in found:
        assert found.pop("curl") == "0 outside/from-curl"
        assert "403" in found.pop("curl_evil")
    if "git" in found:
        assert "403" in found.pop("git")
    assert found == {}
    assert [row.verdict.split(",")[0] for row in used if row.target == f"CONNECT {address}:{port}"] in (["ok"], ["ok", "ok"])
    not_named = "not in the profile's `egress: connect:`"
    assert denied[:3] == [f"CONNECT {each}: {not_named}" for each in ("evil.example:443", f"{address}:22", "169.254.169.254:80")]
    assert denied[3] == f"GET http://{address}:{port}/: only CONNECT is served here"
    assert "Denied at its door: 4 different requests" in (pull.body or "")
    assert "Denied at its door (4)" in comment
