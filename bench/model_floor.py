"""The upstream of `gateway`: a model API that answers at once, as a bare ASGI function. Its own speed is the floor.

A request that names the model `claude-drip` is streamed EVENTS events, one in PAUSE_SECONDS; every other one two at once.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvicorn

EVENTS = 40
PAUSE_SECONDS = 0.1
HEADERS = [(b"content-type", b"text/event-stream")]
START = b'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":9,"output_tokens":1}}}\n\n'
STOP = b'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":9}}\n\n'


def piece(number: int) -> bytes:
    """Return one numbered event."""
    return b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"%04d"}}\n\n' % number


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer one request."""
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": START, "more_body": True})
    if b'"claude-drip"' in body:
        for number in range(EVENTS):
            await asyncio.sleep(PAUSE_SECONDS)
            await send({"type": "http.response.body", "body": piece(number), "more_body": True})
    await send({"type": "http.response.body", "body": STOP, "more_body": False})


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_config=None, access_log=False, lifespan="off", ws="none",
                backlog=1024)
