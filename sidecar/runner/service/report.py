"""What is known of a service, said to whoever asks in its network namespace: one JSON document for each connection.

Believed until the agent begins, and by nobody afterwards: from then on anybody in there may have taken the name.
"""

from __future__ import annotations

import json
import socket
import threading
from collections import deque
from contextlib import suppress
from typing import Any

LAST_LINES = 20
LINE_CHARACTERS = 400
ANSWER_SECONDS = 2.0


class Report:
    """The state of a service (`starting`, `healthy`, `failed`), why it failed, and the last it said. Thread-safe."""

    def __init__(self, name: str) -> None:
        """Take the socket's name. Raises OSError when somebody has it."""
        self._lock = threading.Lock()
        self._state: dict[str, Any] = {"state": "starting", "text": ""}
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(f"\0{name}")
        self._listener.listen(16)
        threading.Thread(target=self._serve, name="report", daemon=True).start()

    def said(self, lines: list[str]) -> None:
        """Note what the service printed."""
        with self._lock:
            self._lines.extend(line[:LINE_CHARACTERS] for line in lines)

    def healthy(self) -> None:
        """Note that it is up."""
        with self._lock:
            if self._state["state"] == "starting":
                self._state = {"state": "healthy", "text": ""}

    def failed(self, why: str) -> None:
        """Note why it is not, and will not be; the first reason stands."""
        with self._lock:
            if self._state["state"] != "failed":
                self._state = {"state": "failed", "text": why}

    def as_json(self) -> bytes:
        """Return what whoever asks is told."""
        with self._lock:
            return json.dumps(self._state | {"lines": list(self._lines)}).encode()

    def _serve(self) -> None:
        while True:
            with suppress(OSError):
                connection, _ = self._listener.accept()
                with connection:
                    connection.settimeout(ANSWER_SECONDS)
                    connection.sendall(self.as_json())
