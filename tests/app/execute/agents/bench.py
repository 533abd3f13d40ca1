"""Where the real CLIs are put to work: a real gateway, a real runner in a real sandbox, and a scripted model."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import SecretStr
from sqlalchemy import select

from app.core.assignment import LOOPBACK_URL, Assignment, SandboxEnd
from app.core.event import Actor, Event, Repo
from app.core.profile import Container, Profile
from app.core.sandbox.door import DoorRules
from app.core.step import Step
from app.emulators.model import ANTHROPIC_KEY, GEMINI_KEY, OPENAI_KEY, ModelEmulator, Script, serve
from app.emulators.model.call import Call
from app.execute.agents import agent_named
from app.execute.gateway.control import GatewayClient
from app.execute.gateway.lines import to_steps
from app.execute.gateway.main import gateway_thread
from app.execute.tooling.layout import RUNNER_ARGV
from app.ledger import messages, runs, sandboxes, steps
from app.ledger.database import Database
from app.ledger.tables import audit, metadata
from app.ports import PreparedWorkspace, SandboxBackend, SandboxSpec
from app.settings import Settings

HOST = "here"
WAIT_SECONDS = 150.0
# Lines are put on file as they came, so that they can be kept as a recording and parsed afterwards.
RAW = "command"

FindTooling = Callable[[SandboxBackend], str]
FindParts = Callable[[SandboxBackend, tuple[str, ...]], dict[str, str]]


class Worked(NamedTuple):
    """What came of one assignment: the agent's `lines` as (stream, text), its `steps`, and what stands in its places."""

    lines: list[tuple[str, str]]
    steps: list[Step]
    end: SandboxEnd
    home: Path
    upper: Path
    requests: list[Call]
    refused: list[str]
    failures: list[str]
    seconds: float

    def kinds(self) -> list[str]:
        """Return the kinds of the steps, without logs."""
        return [step.kind for step in self.steps if step.kind != "log"]

    def of(self, kind: str) -> list[Step]:
        """Return the steps of a kind."""
        return [step for step in self.steps if step.kind == kind]

    def says(self) -> str:
        """Return everything for a failed assertion."""
        said = "\n".join(f"{stream}: {text[:1500]}" for stream, text in self.lines)
        asked = [f"{call.method} {call.path}" for call in self.requests]
        return f"{self.end!r}\nrequests {asked}\nrefused {self.refused}\nfailures {self.failures}\n{said}"


class Beside(NamedTuple):
    """What somebody in the thread can do while the agent works."""

    database: Database
    run_id: str
    model: ModelEmulator
    began: float

    def wait(self, requests: int) -> None:
        """Wait until the model has been asked so often."""
        deadline = time.monotonic() + WAIT_SECONDS
        while len(self.model.requests) < requests and time.monotonic() < deadline:
            time.sleep(0.02)

    def say(self, text: str, *, now: bool = False) -> None:
        """Say something to the agent."""
        with self.database.begin() as tx:
            messages.append(tx, self.run_id, inbox_id=secrets.randbelow(2**31), author="ann", text=text, now=now)

    def stop(self) -> None:
        """Cancel the run."""
        with self.database.begin() as tx:
            runs.request_cancel(tx, self.run_id)


Meanwhile = Callable[[Beside], None]


class Bench:
    """One gateway and one backend; each `work` has its own scripted model behind them."""

    def __init__(self, room: Path, short: Path, backend: SandboxBackend, image: str | None, tooling: FindTooling, parts: FindParts) -> None:
        self.room = room
        self.settings = Settings(state_dir=room / "gateway", runtime_dir=short, host_name=HOST)
        self.settings.state_dir.mkdir()
        self.database = Database(f"sqlite:///{room / 'ledger.db'}")
        metadata.create_all(self.database.engine)
        self.backend = backend
        self.image = image
        self._tooling = tooling
        self._parts = parts
        self._number = 0

    def work(
        self, profile: Profile, script: Mapping[str, Any], prompt: str = "Write hello.txt.", *, home: Path | None = None,
        files: Mapping[str, str] | None = None, change: Callable[[Assignment], Assignment] = lambda given: given,
        meanwhile: Meanwhile = lambda beside: None, tools: bool = True,
    ) -> Worked:
        """Have the profile's agent work the prompt with a model that plays the script, and return what came of it.

        `home` is what an earlier one left behind, whose session goes on. `meanwhile` runs beside it.
        """
        adapter = agent_named(profile.agent.uses)
        model = ModelEmulator(Script.model_validate(script), models=("scripted",))
        with serve(model) as url:
            settings = self.settings.model_copy(update={
                "anthropic_api_url": url, "openai_api_url": url, "gemini_api_url": url,
                "anthropic_api_key": SecretStr(ANTHROPIC_KEY), "openai_api_key": SecretStr(OPENAI_KEY),
                "gemini_api_key": SecretStr(GEMINI_KEY),
            })
            with gateway_thread(settings, self.database, lambda run_id, host: None):
                self._number += 1
                run_id = self._run(profile)
                asked = adapter.assignment(run_id, profile, prompt, "0" * 40, continues=home is not None)
                asked = change(asked.model_copy(update={
                    "base_commit": None, "env": asked.env | ({"BELLHOP_MCP_URL": f"{LOOPBACK_URL}/mcp"} if tools else {}),
                    "door": DoorRules(has_tools=tools),
                }))
                spec = self._spec(settings, asked, adapter.parts(profile.agent), home, files or {})
                began = time.monotonic()
                handle = self.backend.create(spec)
                beside = threading.Thread(target=meanwhile, args=(Beside(self.database, run_id, model, began),), daemon=True)
                beside.start()
                try:
                    end = self._end(spec.id, handle, asked)
                finally:
                    self.backend.destroy(handle)
                seconds = time.monotonic() - began
        return self._worked(profile, spec, end, model, seconds)

    def place(self, run_id: str) -> Path:
        """Return where the workspace and HOME of a run are."""
        return self.room / f"{run_id}-work"

    def _run(self, profile: Profile) -> str:
        event = Event(
            source="github", kind="issues.labeled", delivery_key=f"d{self._number}", thread=f"github:octo/hello#{self._number}",
            actor=Actor(id="1", login="ann", kind="person"), repo=Repo(id=1, full_name="octo/hello", default_branch="main"), url="http://x/",
        )
        with self.database.begin() as tx:
            run_id = runs.create(tx, event, profile, HOST)
            assert run_id is not None
            lease = runs.take(tx, run_id, "test", 600)
            assert lease is not None
            runs.advance(tx, lease, "running")
        return run_id

    def _spec(
        self, settings: Settings, asked: Assignment, names: tuple[str, ...], home: Path | None, files: Mapping[str, str]
    ) -> SandboxSpec:
        sandbox_id = f"{asked.run_id}-work"
        place = self.place(asked.run_id)
        for name in ("lower", "scratch/upper", "scratch/work"):
            (place / name).mkdir(parents=True)
        for name, text in {"README.md": "# hello\n", **files}.items():
            (place / "lower" / name).write_text(text)
        if home is None:
            (place / "scratch/home").mkdir()
        else:
            shutil.copytree(home, place / "scratch/home", symlinks=True)
        uid = 10_001 if os.geteuid() == 0 else os.geteuid()
        for path in (place / "lower", place / "scratch"):
            for each in (path, *path.rglob("*")):
                os.chown(each, uid, uid, follow_symlinks=False)
        with self.database.begin() as tx:
            sandboxes.create(
                tx, sandbox_id=sandbox_id, host=HOST, agent=RAW, backend=self.backend.name, assignment=asked, ttl_seconds=600
            )
        return SandboxSpec(
            id=sandbox_id, run_id=asked.run_id, door=GatewayClient(settings.gateway_socket).open(sandbox_id),
            workspace=PreparedWorkspace(lower=place / "lower", scratch=place / "scratch", base_commit="0" * 40),
            tooling=self._tooling(self.backend), parts=self._parts(self.backend, names), uid=uid,
            container=Container(image=self.image, isolation=self.backend.isolation, memory_mb=3072), argv=RUNNER_ARGV, ttl_seconds=600,
        )

    def _end(self, sandbox_id: str, handle: Any, asked: Assignment) -> SandboxEnd:
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            with self.database.read() as tx:
                row = sandboxes.load(tx, sandbox_id)
            if row is not None and row.end is not None:
                return row.end
            status = self.backend.poll(handle)
            if status.state != "running":
                with self.database.read() as tx:
                    row = sandboxes.load(tx, sandbox_id)
                return row.end if row is not None and row.end is not None else SandboxEnd(reason="lost", text=repr(status))
            assert time.monotonic() < deadline, f"it still works after {WAIT_SECONDS:.0f} s"
            time.sleep(0.02)

    def _worked(self, profile: Profile, spec: SandboxSpec, end: SandboxEnd, model: ModelEmulator, seconds: float) -> Worked:
        with self.database.read() as tx:
            said = steps.of_sandbox(tx, spec.run_id, spec.id)
            uses = tx.execute(select(audit.c.target).where(audit.c.run_id == spec.run_id, audit.c.verdict == "refused")).scalars()
            refused = list(uses)
        lines = [(str(step.data.get("stream", "")), step.text) for step in said]
        adapter = agent_named(profile.agent.uses)
        parsed = [step for stream, text in lines for step in to_steps(adapter, "work", stream, text)]
        return Worked(
            lines, parsed, end, spec.workspace.scratch / "home", spec.workspace.scratch / "upper", model.requests, refused,
            model.failures, seconds,
        )


@contextmanager
def bench(room: Path, short: Path, backend: SandboxBackend, image: str | None, tooling: FindTooling, parts: FindParts) -> Iterator[Bench]:
    """Open a bench in an empty directory and close it again."""
    made = Bench(room, short, backend, image, tooling, parts)
    try:
        yield made
    finally:
        made.database.close()
