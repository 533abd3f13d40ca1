"""The floor for `ack` and `doors`: the least that a durable webhook door can do, as one bare ASGI function.

The same HMAC over the raw body, the same JSON parse, the same insert with the same durability (SQLite in WAL mode,
synchronous=FULL, one commit for each delivery), and nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
import sys
from collections.abc import Callable
from typing import Any

import uvicorn

ACCEPTED = [
    {"type": "http.response.start", "status": 202, "headers": [(b"content-type", b"application/json"), (b"content-length", b"2")]},
    {"type": "http.response.body", "body": b"{}"},
]

# What each service signs, and the signature as it comes: the least that a door of theirs must look at.
SIGNED: dict[str, Callable[[dict[bytes, bytes], bytes], tuple[bytes, bytes]]] = {
    "github": lambda headers, body: (body, headers[b"x-hub-signature-256"].removeprefix(b"sha256=")),
    "slack": lambda headers, body: (b"v0:%b:%b" % (headers[b"x-slack-request-timestamp"], body), headers[b"x-slack-signature"].removeprefix(b"v0=")),
    "linear": lambda headers, body: (body, headers[b"linear-signature"]),
}


def make_app(path: str, secret: bytes) -> Any:
    """Return the bare ASGI app."""
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE inbox (id INTEGER PRIMARY KEY, source TEXT, key TEXT, event TEXT, UNIQUE (source, key))")

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = dict(scope["headers"])
        source = scope["path"].rpartition("/")[2]
        signed, given = SIGNED[source](headers, body)
        if not hmac.compare_digest(hmac.new(secret, signed, hashlib.sha256).hexdigest().encode(), given):
            raise ValueError("the bench sent a wrong signature")
        members = json.loads(body)
        key = members["event_id"] if source == "slack" else headers[b"%b-delivery" % (b"x-github" if source == "github" else b"linear")].decode()
        database.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO inbox (source, key, event) VALUES (?, ?, ?)", (source, key, body.decode()))
        database.execute("COMMIT")
        for part in ACCEPTED:
            await send(part)

    return app


if __name__ == "__main__":
    uvicorn.run(make_app(sys.argv[1], sys.argv[2].encode()), host="127.0.0.1", port=int(sys.argv[3]), log_config=None,
                access_log=False, lifespan="off")
