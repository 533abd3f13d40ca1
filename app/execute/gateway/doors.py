"""All doors of this host: opened when a worker asks, opened again after a restart, closed when their sandbox ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path

import anyio
import structlog
from anyio import to_thread
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from app.errors import BellhopError
from app.execute.gateway.denials import record_uncounted
from app.execute.gateway.door import Door, guard
from app.execute.gateway.egress.dial import Dialler
from app.execute.gateway.egress.listener import EgressListener
from app.execute.gateway.ledger_threads import LedgerThreads
from app.execute.gateway.listener import Listener
from app.execute.gateway.places import SANDBOX_ID, Places
from app.execute.gateway.repository.token import ReadToken
from app.execute.gateway.runner_api import RunnerApi
from app.ledger import sandboxes
from app.ledger.sandboxes import SandboxRow
from app.ports import AgentAdapter

log = structlog.get_logger()

# How long an ended door still says so, for a runner whose answer got lost.
_LINGER_SECONDS = 10.0
_NOTIFY_SECONDS = 5.0
# An agent can give cause for any number of wake-ups; its run is looked at this often.
_WAKE_SECONDS = 1.0
_LIVE = ("opening", "open")

# One kind of path on a door: from the sandbox's door to the routes that it serves there.
Surface = Callable[[Door], Sequence[BaseRoute]]


class Doors:
    """The doors of `host`; each serves the runner's calls and every one of `surfaces`, and tunnels by `dialler`.

    `registry_hosts` is host to name of the operator's registries, to say so to whoever wants a tunnel there.

    `on_ended(run_id, host)` is called in a thread once an end, or something for the run's thread, is committed.
    """

    def __init__(
        self, *, host: str, places: Places, ledger: LedgerThreads, surfaces: Sequence[Surface],
        dialler: Dialler, registry_hosts: Mapping[str, str], agent: Callable[[str], AgentAdapter],
        on_ended: Callable[[str, str], None],
    ) -> None:
        self._host = host
        self._places = places
        self._ledger = ledger
        self._surfaces = tuple(surfaces)
        self._dialler = dialler
        self._registry_hosts = registry_hosts
        self._agent = agent
        self._on_ended = on_ended
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock = anyio.Lock()
        self._open: dict[str, tuple[Door, Listener, EgressListener]] = {}

    def __len__(self) -> int:
        return len(self._open)

    async def reopen(self) -> None:
        """Open a door again for each live sandbox of this host, and remove the directories of all others."""
        rows = await self._ledger.read(lambda tx: sandboxes.on_host(tx, self._host, _LIVE))
        live = {row.id for row in rows}
        for name in self._places.known_doors():
            if name not in live:
                self._places.remove_door(name)
        for row in rows:
            try:
                self._serve(row)
            except (BellhopError, OSError) as error:
                # The other sandboxes must have theirs; this one's deadline ends it.
                log.error("door_not_reopened", sandbox=row.id, error=str(error))

    async def open(self, sandbox_id: str) -> Path:
        """Open a sandbox's door, or find it open, and return its directory. Raises BellhopError."""
        if SANDBOX_ID.fullmatch(sandbox_id) is None:
            raise BellhopError("this is no sandbox id", reason="sandbox_id")
        async with self._lock:
            if sandbox_id not in self._open:
                self._serve(await self._live_row(sandbox_id))
            return self._places.door(sandbox_id)

    async def close(self, sandbox_id: str) -> None:
        """Close a sandbox's door and remove its directory; one that is closed is no error."""
        if SANDBOX_ID.fullmatch(sandbox_id) is None:
            return
        async with self._lock:
            found = self._open.pop(sandbox_id, None)
            self._places.remove_door(sandbox_id)
        if found is not None:
            await _shut(*found)

    async def give(self, sandbox_id: str, token: ReadToken | None, why: str = "") -> None:
        """Give an open door its read token, or say why there is none. Raises BellhopError when it is not open."""
        found = self._open.get(sandbox_id)
        if found is None or found[0].ended:
            raise BellhopError(f"the door of sandbox {sandbox_id[:60]} is not open", reason="door_closed")
        if token is None:
            found[0].read_token.refuse(why)
        else:
            found[0].read_token.put(token)

    async def stop(self) -> None:
        """Close every door but leave the directories: sandboxes have them mounted, and the next gateway needs them."""
        async with self._lock, anyio.create_task_group() as tasks:
            for found in self._open.values():
                tasks.start_soon(_shut, *found)
            for door, *_ in self._open.values():
                if door.ended:
                    await door.announced.wait()
            self._open.clear()
        for task in list(self._tasks):
            task.cancel()

    async def _live_row(self, sandbox_id: str) -> SandboxRow:
        def load(tx: Connection) -> SandboxRow | None:
            return sandboxes.load(tx, sandbox_id)

        row = await self._ledger.read(load)
        if row is None:
            raise BellhopError(f"the ledger has no sandbox {sandbox_id}", reason="sandbox_unknown")
        if row.host != self._host:
            raise BellhopError(f"sandbox {sandbox_id} belongs to host {row.host}, not {self._host}", reason="host")
        if row.state not in _LIVE:
            raise BellhopError(f"sandbox {sandbox_id} has ended", reason="sandbox_ended")
        return row

    def _serve(self, row: SandboxRow) -> None:
        door = Door(row.id, row.host, row.assignment, self._adapter(row), self._ledger)
        door.wake = lambda: self._announce(door)
        directory = self._places.make_door(row.id)
        runner = RunnerApi(door, self._places.bundles, self._after_end)
        listener = Listener(directory / "door.sock", _application(door, runner, self._surfaces),
                            mode=0o666)
        egress = EgressListener(directory / "egress.sock", door, self._dialler, self._registry_hosts)
        listener.start()
        egress.start()
        self._open[row.id] = (door, listener, egress)

    def _adapter(self, row: SandboxRow) -> AgentAdapter | None:
        if row.role != "work":
            return None
        try:
            return self._agent(row.agent)
        except BellhopError as error:
            log.error("agent_unknown", sandbox=row.id, agent=row.agent, error=str(error))
            return None

    def _after_end(self, door: Door) -> None:
        self._in_background(self._conclude(door), f"conclude {door.sandbox_id}")

    def _announce(self, door: Door) -> None:
        door.wanted_looks += 1
        if door.wanted_looks == 1:
            self._in_background(self._wake(door), f"wake {door.sandbox_id}")

    async def _wake(self, door: Door) -> None:
        """Have the run looked at, now and once more for all that is asked for meanwhile."""
        while door.wanted_looks:
            seen = door.wanted_looks
            await to_thread.run_sync(self._notify, door, abandon_on_cancel=True)
            await anyio.sleep(_WAKE_SECONDS)
            door.wanted_looks = 0 if door.wanted_looks == seen else 1

    def _in_background(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _conclude(self, door: Door) -> None:
        with anyio.move_on_after(_NOTIFY_SECONDS):
            await to_thread.run_sync(self._notify, door, abandon_on_cancel=True)
        door.announced.set()
        await anyio.sleep(_LINGER_SECONDS)
        async with self._lock:
            found = self._open.get(door.sandbox_id)
            if found is None or found[0] is not door:
                return
        await self.close(door.sandbox_id)

    def _notify(self, door: Door) -> None:
        try:
            self._on_ended(door.run_id, door.host)
        except Exception as error:  # a wake-up that is lost is found by the sweeper; the door must still close
            log.error("wakeup_failed", run=door.run_id, error=type(error).__name__)


async def _shut(door: Door, listener: Listener, egress: EgressListener) -> None:
    door.closing = True
    await egress.stop()
    await door.cut()
    if not door.ended:
        await record_uncounted(door)
    await listener.stop()


def _application(door: Door, runner: RunnerApi, surfaces: Sequence[Surface]) -> ASGIApp:
    app = Starlette(
        routes=[*runner.routes(), *(route for surface in surfaces for route in surface(door))],
        exception_handlers={HTTPException: _reason, SQLAlchemyError: _no_ledger},
    )
    app.router.redirect_slashes = False
    return guard(door, app)


def _reason(_request: Request, error: Exception) -> Response:
    status, reason = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, "error")
    return JSONResponse({"reason": {404: "unknown_path", 405: "method"}.get(status, reason)}, status)


def _no_ledger(_request: Request, error: Exception) -> Response:
    # Not the error's text: that is the statement, with the sandbox's words in it.
    log.error("door_ledger_failed", error=type(error).__name__)
    return JSONResponse({"reason": "ledger"}, 503)
