"""How fast deliveries are accepted: Bellhop's web process against the bare handler, in turns, on SQLite."""

from __future__ import annotations

import itertools
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.ledger import schema
from app.ledger.database import Database
from bench.load import percentile, request, send
from bench.report import Number
from tests.environment.services import redis_server

ROOT = Path(__file__).resolve().parent.parent
PAYLOAD = ROOT / "tests" / "payloads" / "github" / "webhooks" / "issues" / "labeled.payload.json"
SECRET = b"a secret of the bench"
ROUNDS = 5
REQUESTS = 2000


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def process(
    arguments: list[str], environment: dict[str, str], *, port: int = 0, socket_path: Path | None = None
) -> Iterator[None]:
    """Run a server for the length of the block, from when it accepts at its port or unix socket."""
    child = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=environment, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                _knock(port, socket_path)
                break
            except OSError:
                if child.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{arguments} did not start") from None
                time.sleep(0.02)
        yield
    finally:
        child.terminate()
        child.wait(timeout=20)


def _knock(port: int, socket_path: Path | None) -> None:
    if socket_path is None:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.connect(str(socket_path))


def bodies() -> Iterator[bytes]:
    """Yield real payloads, as GitHub sends them: compact, about 10 KB, each of an issue of its own."""
    before, after = json.dumps(json.loads(PAYLOAD.read_text()), separators=(",", ":")).encode().split(b'"number":1,', 1)
    for number in itertools.count(1):
        yield before + b'"number":%d,' % number + after


def measure() -> Iterator[Number]:
    """Measure both in turns; yield the ratio, both rates, and the latency at half of Bellhop's rate."""
    with tempfile.TemporaryDirectory() as directory, redis_server(Path(directory)) as broker_url:
        place = Path(directory)
        ours, floor = free_port(), free_port()
        url = f"sqlite:///{place / 'bellhop.db'}"
        database = Database(url)
        schema.upgrade(database)
        database.close()
        environment = {
            "PATH": "/usr/bin:/bin", "BELLHOP_DATABASE_URL": url, "BELLHOP_STATE_DIR": str(place),
            "BELLHOP_WEB_PORT": str(ours), "BELLHOP_GITHUB_WEBHOOK_SECRET": SECRET.decode(),
            "BELLHOP_LOG_LEVEL": "WARNING", "BELLHOP_BROKER_URL": broker_url,
        }
        with (
            process(["-m", "app.cli", "web"], environment, port=ours),
            process(["-m", "bench.floor", str(place / "floor.db"), SECRET.decode(), str(floor)], environment, port=floor),
        ):
            payloads = bodies()
            rates: dict[int, list[float]] = {ours: [], floor: []}
            for port in (ours, floor):
                send(port, [request(next(payloads), SECRET, port) for _ in range(200)])
            for _ in range(ROUNDS):
                for port in (ours, floor):
                    rates[port].append(send(port, [request(next(payloads), SECRET, port) for _ in range(REQUESTS)]).per_second)
            ratios = [mine / bare for mine, bare in zip(rates[ours], rates[floor], strict=True)]
            ours_rate = statistics.median(rates[ours])
            steady = send(ours, [request(next(payloads), SECRET, ours) for _ in range(REQUESTS)], per_second=ours_rate / 2)
            bare = send(floor, [request(next(payloads), SECRET, floor) for _ in range(REQUESTS)], per_second=ours_rate / 2)
    yield Number("ack_ratio", statistics.median(ratios), "of the bare handler", 1.0, goal=0.6)
    yield Number("ack_per_second", ours_rate, "deliveries/s", statistics.median(rates[floor]))
    yield Number("ack_p99_ms", percentile(steady.latencies_ms, 0.99), "ms", percentile(bare.latencies_ms, 0.99))
