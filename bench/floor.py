"""The floor for `ack`: the least that a durable webhook door can do, as one bare ASGI function.

The same HMAC over the raw body, the same JSON parse, the same insert with the same durability (SQLite in WAL mode,
synchronous=FULL, one commit for each delivery), and nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
import sys
from typing import Any

import uvicorn

ACCEPTED = [
    {"type": "http.response.start", "status": 202, "headers": [(b"content-type", b"application/json"), (b"content-length", b"2")]},
    {"type": "http.response.body", "body": b"{}"},
]


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
        expected = b"sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest().encode()
        if not hmac.compare_digest(expected, headers.get(b"x-hub-signature-256", b"")):
            raise ValueError("the bench sent a wrong signature")
        json.loads(body)
        database.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO inbox (source, key, event) VALUES ('github', ?, ?)",
                         (headers[b"x-github-delivery"].decode(), body.decode()))
        database.execute("COMMIT")
        for part in ACCEPTED:
            await send(part)

    return app


if __name__ == "__main__":
    uvicorn.run(make_app(sys.argv[1], sys.argv[2].encode()), host="127.0.0.1", port=int(sys.argv[3]), log_config=None,
                access_log=False, lifespan="off")
