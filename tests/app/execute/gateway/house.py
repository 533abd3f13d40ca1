"""A gateway on real unix sockets, with a real ledger behind it and a strict model API in front of it."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx

from app.core.assignment import Assignment, Role
from app.core.event import Actor, Event, Repo
from app.core.profile import Profile
from app.core.step import Step
from app.execute.gateway.control import GatewayClient
from app.execute.gateway.egress.dial import Resolve, resolve_here
from app.execute.gateway.main import gateway_thread
from app.ledger import runs, sandboxes, steps
from app.ledger.database import Database
from app.ledger.steps import StepRow
from app.settings import Settings

HOST = "here"
BASE = "a" * 40


class PlainAgent:
    """Parses `{"say": ...}`; breaks on `broken`; hands on what no encoder takes on `surrogate`."""

    name = "plain"

    def parse(self, stream: str, line: str) -> list[Step]:
        """Return one Step per JSON line and a log Step for the rest."""
        if line == "broken":
            raise KeyError(line)
        if line == "surrogate":
            return [Step(kind="tool_result", data={"text": "\ud800"})]
        if line.startswith("{"):
            return [Step(kind="message", text=json.loads(line)["say"])]
        return [Step(kind="log", text=line, data={"stream": stream})]


def plain_agent(name: str) -> Any:
    """Return the only agent there is."""
    return PlainAgent()


class House:
    """What a test needs: `start()` and `stop()` the gateway, sandboxes on file, clients at their doors."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.database = database
        self.control = GatewayClient(settings.gateway_socket)
        self.ended: list[tuple[str, str]] = []
        self.resolve: Resolve = resolve_here
        self._gateway: AbstractContextManager[None] | None = None
        self._clients: list[httpx.Client] = []

    def start(self) -> None:
        """Start the gateway."""
        self._gateway = gateway_thread(self.settings, self.database, self._on_ended, agent=plain_agent, resolve=self.resolve)
        self._gateway.__enter__()

    def stop(self) -> None:
        """Stop the gateway and let go of every client."""
        for client in self._clients:
            client.close()
        self._clients.clear()
        if self._gateway is not None:
            self._gateway.__exit__(None, None, None)
            self._gateway = None

    def _on_ended(self, run_id: str, host: str) -> None:
        self.ended.append((run_id, host))

    def sandbox(self, *, role: Role = "work", run_id: str | None = None, **assignment: Any) -> str:
        """Put a sandbox on file (for a new run unless one is named), open its door, and return its id."""
        with self.database.begin() as tx:
            if run_id is None:
                number = len(runs.recent(tx, 1000)) + 1
                run_id = runs.create(tx, _event(number), _PROFILE, HOST)
                assert run_id is not None
                lease = runs.take(tx, run_id, "test", 60)
                assert lease is not None
                runs.advance(tx, lease, "running" if role == "work" else "verifying")
            asked = Assignment(
                run_id=run_id, role=role, argv=("true",), timeout_seconds=60, idle_timeout_seconds=60,
                **{"wants_messages": True, "base_commit": BASE, "models": ("anthropic/*", "openai/*", "gemini/*"), **assignment},
            )
            sandbox_id = f"{run_id}-{role}"
            sandboxes.create(tx, sandbox_id=sandbox_id, host=HOST, agent="plain", backend="fake", assignment=asked,
                             ttl_seconds=600)
        self.control.open(sandbox_id)
        return sandbox_id

    def door(self, sandbox_id: str, key: str | None = None) -> httpx.Client:
        """Return a client at a sandbox's door."""
        return self._client(self.socket(sandbox_id), key)

    def socket(self, sandbox_id: str, name: str = "door.sock") -> Path:
        """Return the path of a door's socket."""
        return self.settings.runtime_dir / "doors" / sandbox_id / name

    def claimed(self, sandbox_id: str) -> httpx.Client:
        """Say hello at a door and return a client that holds the resume key."""
        answer = self.door(sandbox_id).post("/runner/hello", json={"protocol": 1})
        assert answer.status_code == 200
        return self.door(sandbox_id, answer.json()["resume_key"])

    def _client(self, path: Path, key: str | None) -> httpx.Client:
        transport = httpx.HTTPTransport(
            uds=str(path), verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            limits=httpx.Limits(max_connections=100),
        )
        headers = {"authorization": f"Bearer {key}"} if key else {}
        client = httpx.Client(transport=transport, base_url="http://door", headers=headers, timeout=20,
                              trust_env=False)
        self._clients.append(client)
        return client

    def raw(self, sandbox_id: str, sent: bytes, seconds: float = 20.0) -> bytes:
        """Send bytes to a door and return all that comes back until it closes."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(seconds)
            connection.connect(str(self.socket(sandbox_id)))
            connection.sendall(sent)
            came = b""
            while piece := connection.recv(65536):
                came += piece
            return came

    def steps(self, sandbox_id: str) -> list[StepRow]:
        """Return the transcript of a sandbox's run."""
        with self.database.read() as tx:
            return steps.after(tx, sandbox_id.partition("-")[0])

    def everything(self) -> str:
        """Return every byte of the database, for searching."""
        with self.database.begin() as tx:
            tx.exec_driver_sql("SELECT 1")
        files = self.settings.state_dir.glob("ledger.db*")
        return "".join(file.read_bytes().decode("latin-1") for file in files)


def eventually(true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until `true()` holds. Fails the test when it does not in time."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come about in time"
        threading.Event().wait(0.01)


def _event(number: int) -> Event:
    return Event(
        source="github", kind="issues.labeled", delivery_key=f"d{number}", thread=f"github:octo/hello#{number}",
        actor=Actor(id="1", login="ann", kind="person"), repo=Repo(id=1, full_name="octo/hello", default_branch="main"),
        url="http://x/",
    )


_PROFILE = Profile.model_validate({"name": "fix", "on": {"issues": {}}, "agent": {"uses": "plain"}})
