"""Everything a task works with, real but for the sandboxes: ledger, git, gateway, an emulated GitHub over HTTP."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

from app.core.event import Actor, Event
from app.core.outcome import Outcome
from app.core.profile import Profile
from app.core.run import Run
from app.emulators.github import GitHubEmulator
from app.emulators.github.state import Comment
from app.execute.agents import agent_named
from app.execute.sandboxes.fake import FakeSandboxes
from app.ledger import inbox, runs, sandboxes
from app.ledger.database import Database, clock_ms
from app.ledger.inbox import Entry
from app.ports import AgentAdapter
from app.settings import Settings
from tasks.finish import finish
from tasks.parts import Parts
from tasks.route import route
from tasks.start import start
from tasks.sweep import sweep
from tests.github_at_work import REPO

HOST = "here"
ALICE = Actor(id="101", login="alice", kind="person")
BOB = Actor(id="102", login="bob", kind="person")
CAROL = Actor(id="103", login="carol", kind="person")

_GIT = {
    "PATH": os.defpath, "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "agent",
    "GIT_AUTHOR_EMAIL": "agent@localhost", "GIT_COMMITTER_NAME": "agent", "GIT_COMMITTER_EMAIL": "agent@localhost",
}


def profile(name: str = "fix", **members: Any) -> Profile:
    """A profile that takes the label `bellhop`, and comments that address the bot."""
    return Profile.model_validate({
        "name": name, "on": {"issues": {"types": ["labeled"], "labels": ["bellhop"]}, "issue_comment": {}},
        "agent": {"uses": "command", "with": {"run": "true"}}, "container": {"isolation": "process"},
        # What stands beside the comment has tests of its own.
        "signs": {"check-run": False, "reaction": False}, **members,
    })


def listening_agent(name: str) -> AgentAdapter:
    """Return the agent, taught to take follow-ups."""
    agent = agent_named(name)
    plain = agent.assignment

    def assignment(*args: Any, **more: Any) -> Any:
        return plain(*args, **more).model_copy(update={"wants_messages": True})

    agent.assignment = assignment  # type: ignore[method-assign]
    return agent


class Recorder:
    """A Wakeup that keeps what it is told; `Scene.pump` acts on it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.told = 0

    def route(self, inbox_id: int) -> None:
        self._note("route", inbox_id)

    def start(self, run_id: str, host: str) -> None:
        self._note("start", run_id)

    def finish(self, run_id: str, host: str) -> None:
        self._note("finish", run_id)

    def sweep(self, host: str) -> None:
        self._note("sweep", host)

    def _note(self, verb: str, argument: Any) -> None:
        self.calls.append((verb, argument))
        self.told += 1


@dataclass
class Scene:
    """A Bellhop on one host; `parts` is what its workers hold."""

    github: GitHubEmulator
    settings: Settings
    database: Database
    wakeup: Recorder
    backend: FakeSandboxes
    parts: Parts
    profiles: dict[str, Profile]
    directory: Path
    runners: dict[str, httpx.Client] = field(default_factory=dict)
    deliveries: int = 0

    # What people do.

    def ring(
        self, *, actor: Actor = ALICE, kind: str = "issues.labeled", said: str = "", number: int | None = 1,
        is_pull_request: bool = False, comment_id: int | None = None,
    ) -> int:
        """Put an event on file as the intake does, and return its id."""
        self.deliveries += 1
        event = Event(
            source="github", kind=kind, delivery_key=f"delivery-{self.deliveries}", thread=f"github:octo/hello#{number}",
            actor=actor, repo=REPO, url="https://github.invalid/octo/hello/issues/1", title="It breaks", text=said,
            number=number, is_pull_request=is_pull_request, comment_id=comment_id, label="bellhop" if kind == "issues.labeled" else None,
        )
        with self.database.begin() as tx:
            return inbox.store(tx, event).id

    def comment(self, said: str, actor: Actor = ALICE) -> Entry:
        """Let somebody comment, route it, and return its inbox row."""
        inbox_id = self.ring(actor=actor, kind="issue_comment.created", said=said)
        route(self.parts, inbox_id)
        return self.entry(inbox_id)

    def routed(self) -> str:
        """Let alice label the issue, route that, and return the run's id."""
        inbox_id = self.ring()
        route(self.parts, inbox_id)
        run_id = self.entry(inbox_id).run_id
        assert run_id is not None, self.entry(inbox_id)
        return run_id

    def started(self) -> str:
        """The same, with the sandbox up."""
        run_id = self.routed()
        start(self.parts, run_id)
        assert self.run(run_id).state == "running", self.run(run_id)
        return run_id

    # What happens by itself.

    def pump(self, parts: Parts | None = None) -> None:
        """Act on every wake-up, as workers would, until there is none."""
        acts: dict[str, Callable[[Parts, Any], None]] = {
            "route": route, "start": start, "finish": finish, "sweep": lambda parts, _host: sweep(parts),
        }
        while self.wakeup.calls:
            verb, argument = self.wakeup.calls.pop(0)
            acts[verb](parts or self.parts, argument)

    def later(self) -> None:
        """Let time pass: every lease, hold and wait runs out."""
        with self.database.begin() as tx:
            tx.execute(text("UPDATE runs SET lease_until_ms = 0, next_at_ms = 0"))
            tx.execute(text("UPDATE inbox SET next_at_ms = 0"))
            tx.execute(text("UPDATE pace SET paused_until_ms = 0, next_write_at_ms = 0, held_until_ms = 0, next_begin_at_ms = 0"))
            tx.execute(text("UPDATE outbox SET held_until_ms = 0, next_at_ms = 0"))

    def recover(self, times: int = 4) -> None:
        """Let time pass and the sweeper sweep, with whatever it wakes."""
        for _ in range(times):
            self.later()
            sweep(self.parts)
            self.pump()

    # What goes on in a sandbox.

    def runner(self, run_id: str, role: str = "work") -> httpx.Client:
        """Return the runner's client at a sandbox's door; the first call claims it."""
        sandbox_id = f"{run_id}-{role}"
        if sandbox_id not in self.runners:
            socket = self.settings.runtime_dir / "doors" / sandbox_id / "door.sock"
            client = httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://door", timeout=10)
            key = client.post("/runner/hello", json={"protocol": 1}).raise_for_status().json()["resume_key"]
            client.headers["authorization"] = f"Bearer {key}"
            self.runners[sandbox_id] = client
        return self.runners[sandbox_id]

    def work(self, run_id: str, files: dict[str, str] | None = None, *, said: str = "done", **end: Any) -> None:
        """Do an agent's work: change `files`, send the bundle, say how it ended; returns once that is on file."""
        runner = self.runner(run_id)
        lines = {"first": 0, "lines": [{"stream": "stdout", "text": said}]}
        runner.post("/runner/steps", json=lines).raise_for_status()
        claim: dict[str, Any] = {"reason": "exited", "exit_code": 0, "duration_ms": 5}
        if files:
            bundle, head = self.bundle(run_id, files)
            headers = {"content-type": "application/octet-stream"}
            runner.post("/runner/bundle", content=bundle.read_bytes(), headers=headers).raise_for_status()
            claim |= {"has_bundle": True, "head_commit": head}
        self.end(run_id, **{**claim, **end})

    def end(self, run_id: str, role: str = "work", **claim: Any) -> None:
        """Let a runner say how it ended, and wait until somebody is woken by it."""
        before = self.wakeup.told
        self.runner(run_id, role).post("/runner/end", json={"reason": "exited", **claim}).raise_for_status()
        until(lambda: self.wakeup.told > before)

    def bundle(self, run_id: str, files: dict[str, str]) -> tuple[Path, str]:
        """Return a bundle with one commit over the run's base, and that commit."""
        base = self.run(run_id).base_commit
        assert base is not None
        place = self.directory / f"agent-{run_id}"
        self.git(None, "clone", "--quiet", str(self.parts.workspaces.mirror(REPO)), str(place))
        self.git(place, "checkout", "--quiet", "-B", "main", base)
        for name, content in files.items():
            (place / name).write_text(content)
        self.git(place, "add", "--all")
        self.git(place, "commit", "--quiet", "-m", "the agent's own words")
        self.git(place, "bundle", "create", "--quiet", str(place / "b"), f"{base}..HEAD")
        return place / "b", self.git(place, "rev-parse", "HEAD")

    def git(self, place: Path | None, *arguments: str) -> str:
        """Run plain git somewhere, as somebody who is not Bellhop."""
        at = ("-C", str(place)) if place else ()
        done = subprocess.run(["git", *at, *arguments], env=_GIT, capture_output=True, text=True, timeout=20, check=True)
        return done.stdout.strip()

    def let_go(self) -> None:
        """Close the runners' connections."""
        while self.runners:
            self.runners.popitem()[1].close()

    # What can be asked afterwards.

    def run(self, run_id: str) -> Run:
        with self.database.read() as tx:
            found = runs.load(tx, run_id)
        assert found is not None
        return found

    def outcome(self, run_id: str) -> Outcome:
        found = self.run(run_id)
        assert found.outcome is not None, found.state
        return found.outcome

    def all_runs(self) -> list[Run]:
        with self.database.read() as tx:
            return runs.recent(tx)

    def entry(self, inbox_id: int) -> Entry:
        with self.database.read() as tx:
            found = inbox.load(tx, inbox_id)
        assert found is not None
        return found

    def waits_seconds(self, table: str, **where: Any) -> float:
        """Return how far away `next_at_ms` of a row is."""
        [(column, value)] = where.items()
        with self.database.read() as tx:
            at_ms = tx.execute(text(f"SELECT next_at_ms FROM {table} WHERE {column} = :v"), {"v": value}).scalar_one()  # noqa: S608 - the test's own words
            return float(at_ms - clock_ms(tx)) / 1000

    def sql(self, statement: str, **values: Any) -> None:
        with self.database.begin() as tx:
            tx.execute(text(statement), values)

    def comments(self, number: int = 1) -> list[Comment]:
        return self.github.comments("octo/hello", number)

    def branches(self) -> list[str]:
        return [name for name in self.github.branches("octo/hello") if name != "main"]

    def left(self) -> list[str]:
        """Return what is left of runs on this host."""
        state, run = self.settings.state_dir, self.settings.runtime_dir
        found = [str(path) for name in ("scratch", "bundles", "quarantine") for path in (state / name).glob("*")]
        found += [str(path) for path in (run / "doors").glob("*")]
        with self.database.read() as tx:
            found += [row.id for row in sandboxes.on_host(tx, HOST, ("opening", "open", "ended"))]
        return found + list(self.backend.find())


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.005)
