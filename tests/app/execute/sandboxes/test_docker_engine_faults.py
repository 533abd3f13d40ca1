"""An engine that hangs or lacks something, played by a small server on a unix socket (R13)."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any

import pytest

from app.errors import SandboxUnavailable
from app.execute.sandboxes.docker.backend import open_docker, open_gvisor
from app.execute.sandboxes.docker.guarantees import KEPT_BY, kept
from app.execute.sandboxes.options import BackendOptions

INFO: dict[str, Any] = {
    "ServerVersion": "20.10", "Driver": "overlay2", "Runtimes": {"runc": {}}, "MemoryLimit": True, "PidsLimit": True,
    "CpuCfsQuota": True, "SecurityOptions": ["name=seccomp,profile=default"],
}


class Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True


@contextmanager
def engine(place: Path, info: dict[str, Any] | None) -> Iterator[BackendOptions]:
    """Answer `/version` and `/info`; with no info, never answer that."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/version":
                answer: dict[str, Any] = {"ApiVersion": "1.41", "Version": "20.10"}
            elif info is None:
                over.wait(30)
                return
            else:
                answer = info
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def address_string(self) -> str:
            return "unix"

        def log_message(self, *arguments: object) -> None:
            pass

    socket_path = place / "engine.sock"
    with Server(str(socket_path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield BackendOptions(
            installation="x", state_dir=place, docker_host=f"unix://{socket_path}", call_timeout_seconds=1
        )
        over.set()
        server.shutdown()


def test_an_engine_that_hangs_is_given_up_in_time(runtime_dir: Path) -> None:
    with engine(runtime_dir, None) as options:
        backend = open_docker(options)
        began = time.monotonic()
        with pytest.raises(SandboxUnavailable, match="did not answer") as told:
            backend.check()
        backend.close()
    assert told.value.retryable
    assert time.monotonic() - began < 10


def test_a_missing_runtime_is_told_with_how_to_mend_it(runtime_dir: Path) -> None:
    with engine(runtime_dir, INFO) as options:
        backend = open_gvisor(options)
        with pytest.raises(SandboxUnavailable, match=r"daemon\.json") as told:
            backend.check()
        backend.close()
    assert told.value.reason == "runtime_missing"


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        ({}, set()),
        ({"MemoryLimit": False}, {"memory_limit"}),
        ({"PidsLimit": False}, {"pids_limit"}),
        ({"CpuCfsQuota": False}, {"cpu_limit"}),
        ({"SecurityOptions": []}, {"seccomp"}),
        ({"SecurityOptions": ["name=seccomp,profile=unconfined"]}, {"seccomp"}),
    ],
)
def test_what_an_engine_cannot_enforce_is_not_declared(change: dict[str, Any], lost: set[str], runtime_dir: Path) -> None:
    with engine(runtime_dir, INFO | change) as options:
        backend = open_docker(options)
        backend.check()
        backend.close()
    assert KEPT_BY["runc"] - backend.guarantees == lost


def test_gvisor_declares_its_own_kernel_and_no_filter() -> None:
    assert kept("runsc", INFO) ^ kept("runc", INFO) == {"own_kernel", "seccomp"}
