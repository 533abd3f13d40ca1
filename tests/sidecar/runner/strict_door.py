"""The gateway's half of docs/door.md for one sandbox, kept in memory, strict about every word of it."""

from __future__ import annotations

import json
import socketserver
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "resume-key-of-the-test-4711"
STEPS_LIMIT_BYTES = 1024 * 1024
LINE_LIMIT_BYTES = 32 * 1024


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128
    door: StrictDoor

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A runner that is gone has hung up: what it did wrong while here is in `wrongs`."""


class StrictDoor:
    """One door. `stop` and `start` are a gateway that restarts; `wrongs` is what the runner did against the protocol."""

    def __init__(self, socket: Path, assignment: dict[str, Any]) -> None:
        self.socket = socket
        self.assignment = assignment
        self.claimed = False
        self.steps_seconds = 0.0
        self.lines: list[dict[str, str]] = []
        self.posts: list[int] = []
        self.messages: list[dict[str, Any]] = []
        self.own_words: list[str] = []
        self.seen = 0
        self.confirmed = 0
        self.cancel = False
        self.stop_reason = ""
        self.bundle: bytes | None = None
        self.bundle_status = 204
        self.end: dict[str, Any] | None = None
        self.wrongs: list[str] = []
        self.forwarded: list[tuple[str, str, bytes]] = []
        self.changed = threading.Condition()
        self._server: _Server | None = None

    def start(self) -> StrictDoor:
        self.socket.unlink(missing_ok=True)
        self._server = _Server(str(self.socket), _Handler)
        self._server.door = self
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        self.socket.unlink(missing_ok=True)

    def texts(self, stream: str) -> list[str]:
        with self.changed:
            return [line["text"] for line in self.lines if line["stream"] == stream]

    def wait(self, condition: Callable[[], Any], seconds: float = 20.0) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, seconds), (self.lines[-5:], self.end, self.wrongs)

    def say(self, author: str, text: str, *, now: bool = False) -> None:
        with self.changed:
            self.messages.append({"id": len(self.messages) + 1, "author": author, "text": text} | ({"now": True} if now else {}))
            self.changed.notify_all()

    def say_ourselves(self, text: str) -> None:
        """Have the gateway say its last word, once."""
        with self.changed:
            self.own_words.append(text)
            self.changed.notify_all()

    def ask_to_stop(self, reason: str) -> None:
        with self.changed:
            self.stop_reason = reason
            self.changed.notify_all()

    def ask_to_cancel(self) -> None:
        with self.changed:
            self.cancel = True
            self.changed.notify_all()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        return

    def address_string(self) -> str:
        return "unix"

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        door = self.server.door
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path)
        if not path.path.startswith("/runner/"):
            door.forwarded.append((self.command, self.path, body))
            self._send(200, {"echo": body.decode(errors="replace")})
            return
        with door.changed:
            status, answer = self._runner(door, path.path, parse_qs(path.query), body)
            if status >= 400 and status not in (409, 410, 413):
                door.wrongs.append(f"{self.command} {self.path}: {status} {answer}")
            door.changed.notify_all()
        self._send(status, answer)

    def _runner(  # noqa: PLR0911 - one return for each answer that the protocol knows
        self, door: StrictDoor, path: str, query: dict[str, list[str]], body: bytes
    ) -> tuple[int, Any]:
        if door.end is not None:
            return 410, {"reason": "ended"}
        if path == "/runner/hello":
            if json.loads(body) != {"protocol": 1}:
                return 426, {"reason": "protocol"}
            if door.claimed:
                return 409, {"reason": "already_claimed"}
            door.claimed = True
            return 200, {"resume_key": KEY}
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            return 401, {"reason": "resume_key"}
        if path == "/runner/assignment":
            return 200, door.assignment
        if path == "/runner/steps":
            return self._steps(door, body)
        if path == "/runner/messages":
            return self._messages(door, int(query["after"][0]), float(query["wait"][0]), int(query["handed"][0]))
        if path == "/runner/bundle":
            if door.bundle_status != 204:
                return door.bundle_status, {"reason": "bundle_too_large"}
            if self.headers.get("Content-Type") != "application/octet-stream" or "Content-Length" not in self.headers:
                return 400, {"reason": "headers"}
            door.bundle = body
            return 204, None
        if path == "/runner/end":
            door.end = json.loads(body)
            return 204, None
        return 404, {"reason": "path"}

    def _steps(self, door: StrictDoor, body: bytes) -> tuple[int, Any]:
        posted = json.loads(body)
        if len(body) > STEPS_LIMIT_BYTES or set(posted) != {"first", "lines"}:
            return 400, {"reason": f"steps of {len(body)} bytes"}
        for line in posted["lines"]:
            if set(line) != {"stream", "text"} or line["stream"] not in ("stdout", "stderr", "runner"):
                return 400, {"reason": "line"}
            if len(line["text"].encode()) > LINE_LIMIT_BYTES or "\0" in line["text"] or "\n" in line["text"]:
                return 400, {"reason": f"text of {len(line['text'].encode())} bytes"}
        if posted["first"] > len(door.lines):
            return 409, {"next": len(door.lines)}
        if door.steps_seconds:
            time.sleep(door.steps_seconds)
        door.posts.append(len(posted["lines"]))
        door.lines += posted["lines"][len(door.lines) - posted["first"] :]
        return 200, {"next": len(door.lines)}

    def _messages(self, door: StrictDoor, after: int, wait_seconds: float, handed: int) -> tuple[int, Any]:
        if handed > after:
            return 400, {"reason": f"handed {handed}, after {after}"}
        # Two of the runner's calls may overtake each other.
        door.seen, door.confirmed = max(door.seen, after), max(door.confirmed, handed)
        door.changed.notify_all()
        door.changed.wait_for(
            lambda: door.messages[after:] or door.own_words or door.cancel or door.stop_reason or door.end or door._server is None,
            wait_seconds,
        )
        own, door.own_words = [{"id": after, "author": "Bellhop", "text": text, "now": True, "last": True} for text in door.own_words], []
        stop = {"stop": door.stop_reason} if door.stop_reason else {}
        return 200, {"messages": [*own, *door.messages[after:]], "cancel": door.cancel, **stop}

    def _send(self, status: int, answer: Any) -> None:
        raw = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        if status != 204:
            self.wfile.write(raw)
