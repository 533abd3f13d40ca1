"""One sandbox's door: who is behind it, what has been taken so far, and the requests in flight."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

import anyio
from sqlalchemy import Connection
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.assignment import Assignment
from app.execute.gateway.allowance import Allowance
from app.execute.gateway.ledger_threads import LedgerThreads
from app.execute.gateway.repository.token import TokenBox
from app.execute.gateway.runner_mail import RunnerMail
from app.ledger import sandboxes
from app.ports import AgentAdapter

T = TypeVar("T")

# All request and response bytes that one sandbox can make the gateway hold at a time.
_ALLOWANCE_BYTES = 256 * 1024 * 1024
# One sandbox can keep this many of the ledger's threads busy, so that the others are served.
_LEDGER_SLOTS = 3
# Of the connections to the model APIs, which all sandboxes share, one sandbox gets this many.
_MODEL_SLOTS = 64
_CUT_SECONDS = 5.0


@dataclass(eq=False)
class InFlight:
    """One request that is being answered; `done` is set when nothing of it is left to do."""

    to_model: bool
    cancel: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    done: anyio.Event = field(default_factory=anyio.Event)


@dataclass
class Door:
    """What the gateway knows of one sandbox; its identity comes from the socket it connects to, from nothing it says.

    `wake` asks for a worker to look at the run: something for its thread is on file (`wanted_looks` counts it, doors.py); `mail` is the gateway's own word to
    the runner. `key_sha256` is the hash of the resume key once it has been given out or verified here; `claimed` says that the
    ledger will give it out no more; `announced` is set once somebody was told of the end; `taken_bytes` counts what the transcript has taken since this gateway started, and
    `asked_models`, `recorded_bytes` and `refused_models` what the model API has; `read_token` is what the repository is read with,
    `asked_repository` how often it was; `denied` are the denials on record and `denied_more`
    the number of those that are not (denials.py).
    """

    sandbox_id: str
    host: str
    assignment: Assignment
    adapter: AgentAdapter | None
    ledger: LedgerThreads
    wake: Callable[[], None] = lambda: None
    wanted_looks: int = 0
    asking: int = 0
    claimed: bool = False
    key_sha256: str | None = None
    confirmed_message: int = 0
    taken_bytes: int = 0
    asked_models: int = 0
    recorded_bytes: int = 0
    refused_models: int = 0
    denied: set[tuple[str, str, str]] = field(default_factory=set)
    denied_more: int = 0
    asked_repository: int = 0
    read_token: TokenBox = field(default_factory=TokenBox)
    ending: bool = False
    ended: bool = False
    closing: bool = False
    allowance: Allowance = field(default_factory=lambda: Allowance(_ALLOWANCE_BYTES))
    steps_lock: anyio.Lock = field(default_factory=anyio.Lock)
    bundle_lock: anyio.Lock = field(default_factory=anyio.Lock)
    # Of what waits for the gateway's few places to take large things apart, one is a sandbox's.
    parsing: anyio.Lock = field(default_factory=anyio.Lock)
    slots: anyio.Semaphore = field(default_factory=lambda: anyio.Semaphore(_LEDGER_SLOTS))
    mail: RunnerMail = field(default_factory=RunnerMail)
    model_slots: anyio.Semaphore = field(default_factory=lambda: anyio.Semaphore(_MODEL_SLOTS))
    announced: anyio.Event = field(default_factory=anyio.Event)
    requests: set[InFlight] = field(default_factory=set)

    @property
    def run_id(self) -> str:
        """The run that this sandbox works for."""
        return self.assignment.run_id

    async def write(self, act: Callable[[Connection], T]) -> T:
        """Run `act` in one write transaction of the ledger."""
        async with self.slots:
            return await self.ledger.write(act)

    async def read(self, act: Callable[[Connection], T]) -> T:
        """Run `act` in one read transaction of the ledger."""
        async with self.slots:
            return await self.ledger.read(act)

    async def holds_key(self, key: str) -> bool:
        """Return whether `key` is this sandbox's resume key; the ledger is asked once only."""
        digest = hashlib.sha256(key.encode()).hexdigest()
        if self.key_sha256 is not None:
            return secrets.compare_digest(self.key_sha256, digest)
        if await self.read(lambda tx: sandboxes.holds_key(tx, self.sandbox_id, key)):
            self.key_sha256 = digest
            return True
        return False

    async def cut(self, *, only_models: bool = False) -> None:
        """End the requests in flight (or those to a model) and wait until each has put on record what it had to."""
        cut = [request for request in self.requests if request.to_model or not only_models]
        for request in cut:
            request.cancel.cancel()
        with anyio.move_on_after(_CUT_SECONDS):
            for request in cut:
                await request.done.wait()


def guard(door: Door, inner: ASGIApp) -> ASGIApp:
    """Return the application of a door: it refuses what comes after the end, and nothing inside it can outlive it."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if door.ended or door.closing:
            answer = JSONResponse({"reason": "ended" if door.ended else "closing"}, 410 if door.ended else 503)
            await answer(scope, receive, send)
            return
        to_model = not scope["path"].startswith("/runner/")
        if door.ending and to_model:
            await JSONResponse({"reason": "closing"}, 503)(scope, receive, send)
            return
        started = False

        async def tracked_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        request = InFlight(to_model=to_model)
        door.requests.add(request)
        try:
            with request.cancel, suppress(ClientDisconnect):
                await inner(scope, receive, tracked_send)
            if request.cancel.cancel_called and not started:
                await JSONResponse({"reason": "closing"}, 503)(scope, receive, send)
        finally:
            door.requests.discard(request)
            request.done.set()

    return app
