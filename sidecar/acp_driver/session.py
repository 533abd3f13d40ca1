"""One session with an agent: begun or taken up again, then one prompt."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from acp import PROTOCOL_VERSION, RequestError, text_block  # type: ignore[import-not-found]
from acp.client.connection import ClientSideConnection  # type: ignore[import-not-found]
from acp.schema import ClientCapabilities, HttpMcpServer, Implementation  # type: ignore[import-not-found]

from .client import SandboxClient
from .configuration import Configuration
from .steps import Narrator, emit, step

# Below HOME: what a later turn, or a later run with this HOME, takes up again.
SESSION_FILE = Path(".bellhop/acp-session")
START_SECONDS = 120.0
CANCEL_SECONDS = 3.0
TAKE_SECONDS = 0.5


class Session:
    """`home` is where the session's name is remembered."""

    def __init__(
        self, process: asyncio.subprocess.Process, narrator: Narrator, configuration: Configuration, home: Path, interrupted: asyncio.Event
    ) -> None:
        self._narrator = narrator
        self._configuration = configuration
        self._file = home / SESSION_FILE
        self._client = SandboxClient(narrator)
        self._agent: Any = ClientSideConnection(self._client, process.stdin, process.stdout)
        self._interrupted = interrupted
        self._name = ""

    async def begin(self, *, continues: bool) -> None:
        """Begin a session, or take the last one up again if the agent can. Raises RequestError, TimeoutError."""
        async with asyncio.timeout(START_SECONDS):
            told = await self._agent.initialize(
                protocol_version=PROTOCOL_VERSION, client_capabilities=ClientCapabilities(),
                client_info=Implementation(name="bellhop", version="1"),
            )
            can = told.agent_capabilities
            servers = self._servers(can)
            if not (continues and can is not None and can.load_session and await self._taken_up(servers)):
                if continues:
                    emit(step("log", "this agent cannot take its session up again: it begins a new one"))
                self._name = (await self._agent.new_session(cwd=str(Path.cwd()), mcp_servers=servers)).session_id
                remember(self._file, self._name)
            if self._configuration.mode:
                await self._agent.set_session_mode(mode_id=self._configuration.mode, session_id=self._name)

    async def prompt(self, text: str) -> str:
        """Hand the prompt over and return why its turn ended; an interruption cancels it. Raises RequestError.

        One that came before is for the turn too: the session is to hold the prompt, for whoever takes it up again.
        """
        asked = asyncio.create_task(self._agent.prompt(session_id=self._name, prompt=[text_block(text)]))
        if self._interrupted.is_set():
            await asyncio.wait({asked}, timeout=TAKE_SECONDS)
        stop = asyncio.create_task(self._interrupted.wait())
        try:
            await asyncio.wait({asked, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not asked.done():
                await self._agent.cancel(session_id=self._name)
                await asyncio.wait({asked}, timeout=CANCEL_SECONDS)
            return str(asked.result().stop_reason) if asked.done() else "cancelled"
        finally:
            stop.cancel()
            asked.cancel()

    async def _taken_up(self, servers: list[Any]) -> bool:
        """Take the last session up again; return whether that went well."""
        self._name = remembered(self._file)
        self._client.listens = False
        try:
            if self._name:
                await self._agent.load_session(cwd=str(Path.cwd()), session_id=self._name, mcp_servers=servers)
        except RequestError:
            # Some say that they can and then have nothing on file.
            return False
        finally:
            self._client.listens = True
        return bool(self._name)

    def _servers(self, can: Any) -> list[Any]:
        """Return Bellhop's own tools, for an agent that can reach them over HTTP."""
        url = self._configuration.mcp_url
        if not url or can is None or can.mcp_capabilities is None or not can.mcp_capabilities.http:
            return []
        return [HttpMcpServer(type="http", name="bellhop", url=url, headers=[])]


def remembered(file: Path) -> str:
    """Return the name of the last session, or an empty text."""
    return file.read_text(encoding="utf-8").strip() if file.is_file() else ""


def remember(file: Path, name: str) -> None:
    """Note the name of a session."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(name, encoding="utf-8")
