"""Runs on file for the tests of what is shown: filled through the ledger's own functions."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from app.core.assignment import Assignment, SandboxEnd
from app.core.event import Actor, Event, Repo
from app.core.outcome import Outcome
from app.core.profile import Profile
from app.core.step import Step
from app.ledger import audit, page_keys, runs, sandboxes, schema, steps
from app.ledger.database import Database
from app.ledger.runs import Lease
from app.main import make_app
from app.serving import listen, serving
from app.settings import Settings

FORGE = "https://forge.test"

PROFILE = Profile.model_validate(
    {"name": "fix", "on": {"issues": {"types": ["labeled"]}}, "agent": {"uses": "command", "with": {"run": "true"}}}
)


class NoWakeup:
    """Nobody is woken: these tests start nothing."""

    def route(self, inbox_id: int) -> None: ...
    def start(self, run_id: str, host: str) -> None: ...
    def finish(self, run_id: str, host: str) -> None: ...
    def sweep(self, host: str) -> None: ...


@cache
def _migrated() -> bytes:
    """A migrated, empty SQLite database: migrating takes longer than most tests."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "empty.db"
        database = Database(f"sqlite:///{file}")
        schema.upgrade(database)
        database.close()
        return file.read_bytes()


@contextmanager
def ledger(directory: Path) -> Iterator[Database]:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "bellhop.db").write_bytes(_migrated())
    database = Database(f"sqlite:///{directory / 'bellhop.db'}")
    yield database
    database.close()


def event(number: int = 7, *, title: str = "A cent is lost", login: str = "ada", url: str = "") -> Event:
    return Event(
        source="github", kind="issues.labeled", delivery_key=f"d-{number}", thread=f"github:octo/till#{number}",
        actor=Actor(id="11", login=login, kind="person"),
        repo=Repo(id=7, full_name="octo/till", default_branch="main", installation_id=3),
        url=url or f"{FORGE}/octo/till/issues/{number}", title=title, text="It should be 1000.", number=number, label="bellhop",
    )


def started(database: Database, of: Event | None = None, profile: Profile = PROFILE) -> tuple[str, Lease]:
    """A run whose sandbox is at work."""
    with database.begin() as tx:
        run_id = runs.create(tx, of or event(), profile, "host-1")
        assert run_id is not None
        lease = runs.take(tx, run_id, "test", 600)
        assert lease is not None
        runs.advance(tx, lease, "starting")
        audit.record(tx, run_id=run_id, credential_id="ghs-0123456789ab", action="mint workspace",
                     target="octo/till contents: read", verdict="ok")
        runs.mark(tx, run_id, "workspace")
        runs.advance(tx, lease, "running", backend="docker", isolation="container", base_commit="0f" * 20)
        assignment = Assignment(run_id=run_id, role="work", argv=("sh",), timeout_seconds=60, idle_timeout_seconds=60)
        sandboxes.create(tx, sandbox_id=f"{run_id}-work", host="host-1", agent="command", backend="docker",
                         assignment=assignment, ttl_seconds=600)
        runs.mark(tx, run_id, "sandbox-work")
    return run_id, lease


def say(database: Database, run_id: str, *new: Step, role: str = "work") -> None:
    with database.begin() as tx:
        steps.append(tx, run_id, f"{run_id}-{role}", new)
        runs.mark(tx, run_id, "first-step")


def log_lines(count: int) -> list[Step]:
    return [Step(kind="log", text=f"line {number}") for number in range(count)]


def ended(database: Database, lease: Lease, outcome: Outcome) -> None:
    with database.begin() as tx:
        sandboxes.ended(tx, f"{lease.run_id}-work", SandboxEnd(reason="exited", exit_code=0))
        for state in ("collecting", "verifying", "publishing"):
            runs.advance(tx, lease, state)
        runs.finish(tx, lease, outcome)


@contextmanager
def web(database: Database, *, public_url: str = "", **more: Any) -> Iterator[str]:
    """The web process over real sockets; yields its URL."""
    app = make_app(Settings(github_web_url=FORGE, public_url=public_url, **more), database, NoWakeup(), {})
    listener = listen("127.0.0.1", 0)
    with serving(app, listener, stop_seconds=1):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def link(database: Database) -> str:
    with database.begin() as tx:
        return page_keys.new_link(tx)


@contextmanager
def visitor(url: str, database: Database) -> Iterator[httpx.Client]:
    """A client with a session."""
    with httpx.Client(base_url=url, timeout=10, trust_env=False) as client:
        assert client.post("/enter", data={"key": link(database)}).status_code == 303
        yield client
