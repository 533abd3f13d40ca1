"""An agent of the Agent Client Protocol, made with the protocol's own SDK: what it does, its prompt says."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import acp  # type: ignore[import-not-found]
from acp import helpers, schema

MEMORY = Path(os.environ["HOME"]) / "agent-memory.json"


class TestAgent:
    def __init__(self) -> None:
        self.client: Any = None
        self.cancelled = asyncio.Event()
        self.mode = "ask"
        self.servers: list[str] = []

    def on_connect(self, connection: Any) -> None:
        self.client = connection

    async def initialize(self, protocol_version: int, **_: Any) -> Any:
        if "slow" in sys.argv:
            write(Path(os.environ["HOME"]) / "started")
            await asyncio.sleep(1)
        return schema.InitializeResponse(
            protocol_version=protocol_version,
            agent_capabilities=schema.AgentCapabilities(
                load_session="forgetful" not in sys.argv, mcp_capabilities=schema.McpCapabilities(http=True)
            ),
        )

    async def new_session(self, cwd: str, mcp_servers: list[Any] | None = None, **_: Any) -> Any:
        if "locked" in sys.argv:
            raise acp.RequestError.auth_required()
        self.servers = [server.url for server in mcp_servers or []]
        MEMORY.write_text("[]")
        return schema.NewSessionResponse(session_id="session-1")

    async def load_session(self, cwd: str, session_id: str, mcp_servers: list[Any] | None = None, **_: Any) -> Any:
        assert session_id == "session-1"
        if "emptied" in sys.argv:
            raise acp.RequestError.internal_error({"details": "there are no sessions"})
        for said in json.loads(MEMORY.read_text()):
            await self.say(session_id, f"I was told before: {said}")
        return schema.LoadSessionResponse()

    async def set_session_mode(self, mode_id: str, session_id: str, **_: Any) -> Any:
        self.mode = mode_id
        return schema.SetSessionModeResponse()

    async def cancel(self, session_id: str, **_: Any) -> None:
        self.cancelled.set()

    async def say(self, session: str, text: str) -> None:
        await self.client.session_update(session_id=session, update=helpers.update_agent_message_text(text))

    async def prompt(self, prompt: list[Any], session_id: str, **_: Any) -> Any:
        text = prompt[0].text.strip()
        before = json.loads(MEMORY.read_text())
        MEMORY.write_text(json.dumps([*before, text]))
        match text:
            case "hang":
                await self.say(session_id, "I wait.")
                await self.cancelled.wait()
                return schema.PromptResponse(stop_reason="cancelled")
            case "deaf":
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                await self.say(session_id, "I wait.")
                await asyncio.sleep(3600)
            case "refuse":
                return schema.PromptResponse(stop_reason="refusal")
            case "fail":
                raise acp.RequestError.internal_error({"details": "the model does not answer"})
            case "die":
                os._exit(7)
        await self.work(session_id, f"{self.mode} {self.servers} {before}")
        return schema.PromptResponse(stop_reason="end_turn")

    async def work(self, session: str, about: str) -> None:
        update = self.client.session_update
        await update(session_id=session, update=helpers.update_agent_thought_text("I have "))
        await update(session_id=session, update=helpers.update_agent_thought_text("an idea."))
        await update(session_id=session, update=helpers.update_plan([helpers.plan_entry("write it", status="in_progress")]))
        await update(session_id=session, update=helpers.start_tool_call("c1", "write hello.txt", kind="edit", status="pending"))
        call = schema.ToolCallUpdate(tool_call_id="c1", title="write hello.txt")
        options = [schema.PermissionOption(option_id="no", name="No", kind="reject_once"),
                   schema.PermissionOption(option_id="yes", name="Yes", kind="allow_once")]
        answer = await self.client.request_permission(session_id=session, tool_call=call, options=options)
        allowed = answer.outcome.outcome == "selected" and answer.outcome.option_id == "yes"
        if allowed:
            write("hello.txt")
        await update(session_id=session, update=helpers.update_tool_call(
            "c1", status="completed" if allowed else "failed", raw_input={"command": ["tee", "hello.txt"]},
            content=[helpers.tool_diff_content("hello.txt", "hello\n"), helpers.tool_content(helpers.text_block("written"))],
        ))
        await self.say(session, "Done: ")
        await self.say(session, about)


def write(name: str | Path) -> None:
    Path(name).write_text("hello\n")


if __name__ == "__main__":
    asyncio.run(acp.run_agent(TestAgent()))
