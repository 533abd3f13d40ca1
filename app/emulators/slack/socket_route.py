"""The WebSocket that Socket Mode's clients open: hello, envelopes out, acknowledgements in.

https://docs.slack.dev/apis/events-api/using-socket-mode
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.emulators.slack.sockets import Connection
from app.emulators.slack.state import Json
from app.emulators.slack.world import World

APPROXIMATE_SECONDS = 18_060


def routes(world: World) -> list[WebSocketRoute]:
    """Return the one address, to which `apps.connections.open` leads."""

    async def link(socket: WebSocket) -> None:
        outgoing: asyncio.Queue[Json] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def post(message: Json) -> None:
            with suppress(RuntimeError):  # the server's loop is closed: nobody listens any more
                loop.call_soon_threadsafe(outgoing.put_nowait, message)

        # The hello is in the queue before the first envelope can be.
        outgoing.put_nowait(_hello(world))
        connection = world.sockets.join(socket.query_params.get("ticket", ""), post)
        if connection is None:
            await socket.close()
            return
        await socket.accept()
        sender = asyncio.create_task(_send(socket, outgoing))
        try:
            await _receive(world, socket)
        finally:
            _leave(world, connection, sender)

    return [WebSocketRoute("/link", link)]


def _leave(world: World, connection: Connection, sender: asyncio.Task[None]) -> None:
    world.sockets.leave(connection)
    sender.cancel()


async def _send(socket: WebSocket, outgoing: asyncio.Queue[Json]) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):  # it is closed: the receiving side says so too
        while True:
            await socket.send_text(json.dumps(await outgoing.get()))


async def _receive(world: World, socket: WebSocket) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            text = await socket.receive_text()
            try:
                message = json.loads(text)
            except ValueError:
                continue
            if isinstance(message, dict) and isinstance(message.get("envelope_id"), str):
                payload = message.get("payload")
                world.sockets.acknowledge(message["envelope_id"], payload if isinstance(payload, dict) else None)


def _hello(world: World) -> Json:
    return {
        "type": "hello", "num_connections": world.sockets.count + 1, "connection_info": {"app_id": world.app.id},
        "debug_info": {"host": "applink-emulated", "build_number": 1, "approximate_connection_time": APPROXIMATE_SECONDS},
    }
