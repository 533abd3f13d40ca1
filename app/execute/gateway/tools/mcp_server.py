"""The Model Context Protocol around the desk, by the official SDK. Loading this takes half a second: see surface.py.

https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http
"""

from __future__ import annotations

import logging
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, PaginatedRequestParams, TextContent
from mcp_types import Tool as ListedTool
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import Receive, Scope, Send

from app.core.assignment import LOOPBACK_PORT, LOOPBACK_URL
from app.execute.gateway.tools.calls import described
from app.execute.gateway.tools.desk import Answer, Desk

INSTRUCTIONS = (
    "These tools speak to the people in the thread that this work comes from. All that they say is shown there as plain "
    "text. They publish nothing: Bellhop takes the workspace's commits when the work is over."
)

# What a page in a browser would have to forge; inside a sandbox there is no other name for the runner.
_SECURITY = TransportSecuritySettings(
    allowed_hosts=[f"127.0.0.1:{LOOPBACK_PORT}", f"localhost:{LOOPBACK_PORT}"],
    allowed_origins=[LOOPBACK_URL, f"http://localhost:{LOOPBACK_PORT}"],
)

log = logging.getLogger("mcp")


def make_server(desk: Desk) -> Server[Any]:
    """Return the server of one door: `tools/list`, `tools/call`, and what the protocol cannot do without."""
    # It warns of each malformed request with the sandbox's words, which are its own trouble and fill no log.
    log.setLevel(logging.CRITICAL)

    async def list_tools(
        _context: ServerRequestContext[Any], _params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        return ListToolsResult(tools=[
            ListedTool(name=name, description=described(tool), input_schema=tool.takes.model_json_schema())
            for name, tool in desk.tools.items()
        ])

    async def call_tool(_context: ServerRequestContext[Any], params: CallToolRequestParams) -> CallToolResult:
        try:
            answer = await desk.call(params.name, params.arguments or {})
        except SQLAlchemyError:
            # Not the error's text: that is the statement, with the sandbox's words in it.
            answer = Answer("Bellhop's database does not answer: try again in a moment", is_error=True)
        return CallToolResult(content=[TextContent(type="text", text=answer.text)], is_error=answer.is_error)

    return Server("bellhop", instructions=INSTRUCTIONS, on_list_tools=list_tools, on_call_tool=call_tool)


async def answer(server: Server[Any], scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request: no session, no stream, nothing that outlives it."""
    manager = StreamableHTTPSessionManager(
        server, json_response=True, stateless=True, security_settings=_SECURITY,
    )
    async with manager.run():
        await manager.handle_request(scope, receive, send)
