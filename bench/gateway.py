"""What the gateway adds to a model's first byte, and how many streams it holds at once: through a door against direct."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from app.core.assignment import Assignment
from app.core.event import Actor, Event, Repo
from app.core.line.budget import Budget
from app.core.profile import Profile
from app.core.sandbox.door import DoorRules
from app.execute.gateway.control import GatewayClient
from app.ledger import runs, sandboxes, schema
from app.ledger.database import Database
from bench.ack import free_port, process
from bench.load import percentile
from bench.model_floor import EVENTS, START, STOP, piece
from bench.report import Number
from tests.environment.services import redis_server

HOST = "bench"
WARM_UP, ROUNDS, PAUSE_SECONDS = 40, 400, 0.01
# One door holds 64 model requests at once, so more streams come from more sandboxes, as they would.
PER_DOOR = 50
LEVELS = (50, 100, 150, 200, 300, 400)
STREAM_SECONDS = 60.0


class Place(NamedTuple):
    """Where to send requests: a door's socket, or a port; `prefix` is what its paths begin with."""

    socket: Path | None
    port: int
    prefix: str

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Yield a connection."""
        if self.socket is None:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        else:
            reader, writer = await asyncio.open_unix_connection(str(self.socket))
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    def request(self, model: str) -> bytes:
        """Return one request of about 8 KB, as an agent in the middle of its work sends it."""
        messages = [{"role": "user", "content": "A line of code and what somebody thinks of it. " * 5} for _ in range(32)]
        body = json.dumps({"model": model, "max_tokens": 1024, "stream": True, "messages": messages}).encode()
        return (
            f"POST {self.prefix}/v1/messages HTTP/1.1\r\nHost: model\r\nContent-Type: application/json\r\n"
            f"anthropic-version: 2023-06-01\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body


async def _chunk(reader: asyncio.StreamReader) -> bytes:
    size = int(await reader.readline(), 16)
    data = await reader.readexactly(size + 2)
    return data[:-2]


async def _stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, raw: bytes) -> tuple[float, bytes]:
    """Send a request; return the milliseconds to its first byte of body, and the whole body."""
    began = time.perf_counter()
    writer.write(raw)
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in head[:16]:
        raise AssertionError(f"a model request was answered {head[:300]!r}")
    body = await _chunk(reader)
    first_ms = (time.perf_counter() - began) * 1000
    while data := await _chunk(reader):
        body += data
    return first_ms, body


async def _first_bytes(places: Sequence[Place]) -> list[list[float]]:
    """Ask at each place in turns; return the milliseconds to the first byte, by place."""
    found: list[list[float]] = [[] for _ in places]
    async with places[0].connect() as one, places[1].connect() as other:
        raws = [place.request("claude-fast") for place in places]
        for number in range(WARM_UP + ROUNDS):
            for index, connection in enumerate((one, other)):
                # An agent does not ask again at once: the last request's own aftermath is not the next one's wait.
                await asyncio.sleep(PAUSE_SECONDS)
                first_ms, body = await _stream(*connection, raws[index])
                if body != START + STOP:
                    raise AssertionError("an answer was not passed on as it came")
                if number >= WARM_UP:
                    found[index].append(first_ms)
    return found


async def _whole(places: Sequence[Place], count: int) -> bool:
    """Hold `count` streams at once; return whether every one came whole."""
    expected = START + b"".join(piece(number) for number in range(EVENTS)) + STOP

    async def one(place: Place) -> bool:
        async with place.connect() as connection:
            return (await _stream(*connection, place.request("claude-drip")))[1] == expected

    try:
        async with asyncio.timeout(STREAM_SECONDS):
            return all(await asyncio.gather(*(one(places[number % len(places)]) for number in range(count))))
    except (AssertionError, OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
        return False


def _most(doors: Sequence[Place], direct: Place | None) -> int:
    """Return the highest level at which no stream lost anything."""
    reached = 0
    for level in LEVELS:
        places = [direct] if direct is not None else doors[:-(-level // PER_DOOR)]
        if not asyncio.run(_whole(places, level)):
            break
        reached = level
    return reached


def measure() -> Iterator[Number]:
    """Measure both; the gateway is a process of its own, with a ledger on SQLite."""
    with tempfile.TemporaryDirectory(prefix="bh-gw-", ignore_cleanup_errors=True) as name, redis_server(Path(name)) as broker_url:
        directory = Path(name)
        port, url = free_port(), f"sqlite:///{directory / 'bellhop.db'}"
        database = Database(url)
        schema.upgrade(database)
        environment = {
            "PATH": "/usr/bin:/bin", "BELLHOP_DATABASE_URL": url, "BELLHOP_STATE_DIR": str(directory / "state"),
            "BELLHOP_RUNTIME_DIR": str(directory / "run"), "BELLHOP_HOST_NAME": HOST, "BELLHOP_LOG_LEVEL": "ERROR",
            "BELLHOP_BROKER_URL": broker_url,
            "ANTHROPIC_API_KEY": "a-key-of-the-bench", "BELLHOP_ANTHROPIC_API_URL": f"http://127.0.0.1:{port}",
        }
        (directory / "state").mkdir()
        control = directory / "run" / "gateway.sock"
        with (
            process(["-m", "bench.model_floor", str(port)], environment, port=port),
            process(["-m", "app.cli", "gateway"], environment, socket_path=control),
        ):
            doors = [_door(database, GatewayClient(control), number) for number in range(-(-LEVELS[-1] // PER_DOOR))]
            direct = Place(None, port, "")
            bare, through = asyncio.run(_first_bytes([direct, doors[0]]))
            floor, held = _most([], direct), _most(doors, None)
        database.close()
    added = percentile(through, 0.5) - percentile(bare, 0.5)
    yield Number("gateway_ttfb_overhead_ms", added, "ms to the first byte, beyond direct (p50)", 0.0, 3.0, at_most=True)
    yield Number("gateway_ttfb_ms", percentile(through, 0.5), "ms to the first byte (p50)", percentile(bare, 0.5))
    yield Number("gateway_ttfb_p99_ms", percentile(through, 0.99), "ms to the first byte (p99)", percentile(bare, 0.99))
    yield Number("gateway_streams", held, f"streams at once, none lost anything (of {LEVELS[-1]})", floor, 100)


def _door(database: Database, control: GatewayClient, number: int) -> Place:
    """Put a sandbox of a run on file and have its door opened."""
    event = Event(
        source="github", kind="issues.labeled", delivery_key=f"d{number}", thread=f"github:octo/till#{number}",
        actor=Actor(id="1", login="ada", kind="person"), repo=Repo(id=1, full_name="octo/till", default_branch="main"), url="http://x/",
    )
    profile = Profile.model_validate({"name": "fix", "on": {"issues": {}}, "agent": {"uses": "command"}})
    with database.begin() as tx:
        run_id = runs.create(tx, event, profile, HOST)
        if run_id is None:
            raise RuntimeError("the bench's own thread has a run already")
        asked = Assignment(run_id=run_id, role="work", argv=("true",), timeout_seconds=600, idle_timeout_seconds=600,
                           models=("anthropic/*",), door=DoorRules(budget=Budget(usd=1000, turns=100_000)))
        sandboxes.create(tx, sandbox_id=f"{run_id}-work", host=HOST, agent="command", backend="fake", assignment=asked, ttl_seconds=600)
    return Place(control.open(f"{run_id}-work") / "door.sock", 0, "/anthropic")
