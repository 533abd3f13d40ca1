"""What people say while the agent works: polled at the door, given to whoever hands it on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from .door import FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS, Door, DoorGone, DoorRefused
from .letters import Letter, read_letter

# What cannot be a person's message any more: a call is answered at once again and again.
LEAST_POLL_SECONDS = 0.05


class Reader(Protocol):
    """Whoever takes letters from the inbox; called from its thread."""

    def receive(self, letters: Sequence[Letter]) -> None:
        """Take what one answer of the door holds, in order. It may wait until that is dealt with: nothing is asked for meanwhile."""

    def confirmed(self, seen: int) -> int:
        """Return up to which number the door may take letters for handed over, of those that were `seen`."""


class Inbox:
    """Polls in a background thread.

    `on_cancel` is called when the door says to stop, with its reason or an empty text, `on_lost` when it will not speak with us any more.
    """

    def __init__(
        self, door: Door, poll_seconds: float, reader: Reader, *, on_cancel: Callable[[str], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self._door = door
        self._poll_seconds = poll_seconds
        self._reader = reader
        self._on_cancel = on_cancel
        self._on_lost = on_lost
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to poll."""
        threading.Thread(target=self._poll, name="inbox", daemon=True).start()

    def stop(self) -> None:
        """Hand nothing over any more. A poll that is held open is left to end by itself."""
        self._stopped.set()

    def _poll(self) -> None:
        after = 0
        pause = FIRST_PAUSE_SECONDS
        while not self._stopped.is_set():
            asked_at = time.monotonic()
            try:
                answer = self._door.messages(after, self._poll_seconds, self._reader.confirmed(after))
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
                letters = [read_letter(message, after) for message in answer.get("messages") or []]
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                # Without this poll nobody could cancel any more, so an unreadable one is the end.
                self._on_lost(f"the door's messages could not be read: {type(error).__name__}: {error}")
                return
            if self._stopped.is_set():
                return
            if answer.get("cancel") or answer.get("stop"):
                # Before its letters: they have no reader any more, and may have somebody wait.
                self._on_cancel("" if answer.get("cancel") else str(answer["stop"]))
                return
            if letters:
                self._reader.receive(letters)
            after = max([after, *(letter.id for letter in letters)])
            if time.monotonic() - asked_at < LEAST_POLL_SECONDS:
                self._stopped.wait(LEAST_POLL_SECONDS)
