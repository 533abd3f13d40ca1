"""What people say while the agent works: polled at the door, handed to the agent's standard input."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable
from typing import IO, Any

from .door import FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS, Door, DoorGone, DoorRefused

# What cannot be a person's message any more: a call is answered at once again and again.
LEAST_POLL_SECONDS = 0.05


class Inbox:
    """Polls in one background thread and writes in another, so that an agent that never reads blocks nothing.

    `on_cancel` is called when the door says to stop, with its reason or an empty text, `on_lost` when it will not speak with us any more;
    `remark` gets a line about each message that the agent cannot take.
    """

    def __init__(
        self, door: Door, poll_seconds: float, *, on_cancel: Callable[[str], None], on_lost: Callable[[str], None],
        remark: Callable[[str], None],
    ) -> None:
        self._door = door
        self._poll_seconds = poll_seconds
        self._on_cancel = on_cancel
        self._on_lost = on_lost
        self._remark = remark
        self._undelivered: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._stopped = threading.Event()

    def start(self, pipe: IO[bytes] | None) -> None:
        """Begin to poll; messages go to `pipe` as JSON lines, or nowhere if the agent takes none."""
        threading.Thread(target=self._poll, args=(pipe is not None,), name="inbox", daemon=True).start()
        if pipe is not None:
            threading.Thread(target=self._write, args=(pipe,), name="stdin", daemon=True).start()

    def stop(self) -> None:
        """Hand nothing over any more. A poll that is held open is left to end by itself."""
        self._stopped.set()

    def _poll(self, wanted: bool) -> None:
        after = 0
        pause = FIRST_PAUSE_SECONDS
        while not self._stopped.is_set():
            asked_at = time.monotonic()
            try:
                answer = self._door.messages(after, self._poll_seconds)
            except DoorGone:
                self._stopped.wait(pause)
                pause = min(pause * 2, LAST_PAUSE_SECONDS)
                continue
            except DoorRefused as error:
                if not self._stopped.is_set():
                    self._on_lost(str(error))
                return
            pause = FIRST_PAUSE_SECONDS
            try:
                for message in answer.get("messages") or []:
                    after = max(after, int(message["id"]))
                    self._take(message, wanted)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                # Without this poll nobody could cancel any more, so an unreadable one is the end.
                self._on_lost(f"the door's messages could not be read: {type(error).__name__}: {error}")
                return
            if answer.get("cancel") or answer.get("stop"):
                self._on_cancel("" if answer.get("cancel") else str(answer["stop"]))
                return
            if time.monotonic() - asked_at < LEAST_POLL_SECONDS:
                self._stopped.wait(LEAST_POLL_SECONDS)

    def _take(self, message: dict[str, Any], wanted: bool) -> None:
        author = str(message.get("author", ""))
        if not wanted:
            self._remark(f"a message from {author or 'somebody'} was not handed on: this agent takes none while it works")
            return
        text = {"type": "message", "author": author, "text": str(message.get("text", ""))}
        self._undelivered.put(json.dumps(text, ensure_ascii=True).encode() + b"\n")

    def _write(self, pipe: IO[bytes]) -> None:
        while not self._stopped.is_set():
            line = memoryview(self._undelivered.get())
            try:
                while line:
                    line = line[pipe.write(line) :]
            except OSError:
                self._remark("a message could not be handed on: the agent has closed its standard input")
                return
