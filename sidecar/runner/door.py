"""The runner's calls through the door (docs/door.md): HTTP/1.1 over a unix socket, one connection per call."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, TypeVar

Answer = TypeVar("Answer")

PROTOCOL = 1
CALL_SECONDS = 30.0
BUNDLE_SECONDS = 120.0
FIRST_PAUSE_SECONDS = 0.05
LAST_PAUSE_SECONDS = 2.0


class DoorGone(Exception):
    """The door did not answer, or not sensibly; asking again may help."""


class DoorRefused(Exception):
    """The door said no for good; `status` is its HTTP status, `answer` its body."""

    def __init__(self, status: int, answer: dict[str, Any]) -> None:
        super().__init__(f"the door answered {status} {answer.get('reason', '')}".rstrip())
        self.status = status
        self.answer = answer


class _Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout_seconds: float) -> None:
        super().__init__("door", timeout=timeout_seconds, blocksize=64 * 1024)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Door:
    """One sandbox's door. The resume key lives in this object only, and leaves it only as a header."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._key = ""

    def hello(self) -> None:
        """Claim the sandbox and keep the resume key. Raises DoorGone, DoorRefused (somebody has claimed it)."""
        answer = self._call("POST", "/runner/hello", {"protocol": PROTOCOL})
        key = answer.get("resume_key")
        if not isinstance(key, str) or not key:
            raise DoorGone("the door's hello held no resume key")
        self._key = key

    @property
    def claimed(self) -> bool:
        """Whether `hello` was answered, so that the door will take an end."""
        return bool(self._key)

    def assignment(self) -> dict[str, Any]:
        """Return the assignment as JSON. Raises DoorGone, DoorRefused."""
        return self._call("GET", "/runner/assignment")

    def steps(self, first: int, lines: list[dict[str, str]]) -> int:
        """Hand lines over and return the number of the next line the door wants. Raises DoorGone, DoorRefused."""
        try:
            answer = self._call("POST", "/runner/steps", {"first": first, "lines": lines})
        except DoorRefused as error:
            if error.status != 409 or not isinstance(error.answer.get("next"), int):
                raise
            answer = error.answer
        taken = answer.get("next")
        if not isinstance(taken, int):
            raise DoorGone("the door's answer to steps held no number")
        return taken

    def messages(self, after: int, wait_seconds: float, handed: int) -> dict[str, Any]:
        """Return messages after number `after`, held open while there are none; those up to `handed` the agent has.

        Raises DoorGone, DoorRefused.
        """
        path = f"/runner/messages?after={after}&wait={wait_seconds:g}&handed={handed}"
        return self._call("GET", path, timeout_seconds=wait_seconds + CALL_SECONDS)

    def bundle(self, file: IO[bytes], length_bytes: int) -> None:
        """Send the git bundle. Raises DoorGone, DoorRefused (413: too large)."""
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(length_bytes)}
        self._send("POST", "/runner/bundle", file, headers, BUNDLE_SECONDS)

    def end(self, end: dict[str, Any]) -> None:
        """Say how the work ended; a door that has taken an end before is content. Raises DoorGone, DoorRefused."""
        try:
            self._call("POST", "/runner/end", end)
        except DoorRefused as error:
            if error.status != 410:
                raise

    def _call(
        self, method: str, path: str, body: dict[str, Any] | None = None, timeout_seconds: float = CALL_SECONDS
    ) -> dict[str, Any]:
        if body is None:
            return self._send(method, path, None, {}, timeout_seconds)
        encoded = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        return self._send(method, path, encoded, {"Content-Type": "application/json"}, timeout_seconds)

    def _send(
        self, method: str, path: str, body: bytes | IO[bytes] | None, headers: dict[str, str], timeout_seconds: float
    ) -> dict[str, Any]:
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        connection = _Connection(self._path, timeout_seconds)
        try:
            # A door that refuses a body does not read it to its end: its answer is there all the same.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, body, headers)
            response = connection.getresponse()
            raw = response.read()
            answer = json.loads(raw) if raw else {}
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise DoorGone(f"{method} {path.partition('?')[0]}: {type(error).__name__}: {error}") from error
        finally:
            connection.close()
        if not isinstance(answer, dict):
            answer = {}
        if response.status >= 500 or response.status == 429:
            raise DoorGone(f"{method} {path.partition('?')[0]}: the door answered {response.status}")
        if response.status >= 300:
            raise DoorRefused(response.status, answer)
        return answer


def retried(call: Callable[[], Answer], patience_seconds: float) -> Answer:
    """Repeat `call` while the door is gone, with growing pauses. Raises DoorGone after the patience, DoorRefused."""
    deadline = time.monotonic() + patience_seconds
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            return call()
        except DoorGone:
            if time.monotonic() + pause > deadline:
                raise
        time.sleep(pause)
        pause = min(pause * 2, LAST_PAUSE_SECONDS)
