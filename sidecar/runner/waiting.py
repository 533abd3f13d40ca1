"""Letters that wait for the agent's next turn."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .door import Door, retried
from .letters import Letter, read_letter

# While an urgent letter is not dealt with nothing more is asked for: the gateway takes the next question for a sign that
# this one was heard.
DEALT_WITH_SECONDS = 15.0


class Waiting:
    """What is said while a turn is under way. Thread-safe. `on_urgent` is called when a letter does not wait for its end.

    A person's letter counts as handed over when the turn that reads it has begun, and not before.
    """

    def __init__(self, door: Door, patience_seconds: float, on_urgent: Callable[[], None]) -> None:
        self._door = door
        self._patience_seconds = patience_seconds
        self._on_urgent = on_urgent
        self._lock = threading.Lock()
        self._own: list[Letter] = []
        self._urgent = False
        self._dealt_with = threading.Event()
        self._taken = 0
        self._confirmed = 0

    def receive(self, letter: Letter) -> None:
        """Take one letter; of people's only that they are there, because `take` asks for them."""
        with self._lock:
            self._keep(letter)
            urgent = letter.now or letter.last
            if urgent:
                self._urgent = True
                self._dealt_with.clear()
        if urgent:
            self._on_urgent()
            self._dealt_with.wait(DEALT_WITH_SECONDS)

    def confirmed(self, _seen: int) -> int:
        """Return the number of the last letter that a turn has read."""
        return self._confirmed

    @property
    def is_urgent(self) -> bool:
        """Whether a letter has come that does not wait for the end of the turn."""
        return self._urgent

    def put(self, letter: Letter) -> None:
        """Add one of our own."""
        with self._lock:
            self._keep(letter)

    def take(self) -> list[Letter]:
        """Return all that waits now, people's first; the door is asked, so that nothing is missed and nothing comes twice.

        Raises DoorGone, DoorRefused.
        """
        letters = self._ask(self._confirmed)
        with self._lock:
            self._urgent = False
            own, self._own = self._own, []
        people = [letter for letter in letters if letter.id]
        self._taken = max([self._taken, *(letter.id for letter in people)])
        return people + own

    def begun(self) -> None:
        """Note that a turn has begun with what `take` returned, and say so to the door. Raises DoorGone, DoorRefused."""
        self._confirmed = self._taken
        if any(letter.last or letter.now for letter in self._ask(self._taken)):
            with self._lock:
                self._urgent = True
            self._on_urgent()

    def dealt_with(self) -> None:
        """Let the inbox ask again: the turn that was to be interrupted is over."""
        self._dealt_with.set()

    def _ask(self, after: int) -> list[Letter]:
        answer = retried(lambda: self._door.messages(after, 0, self._confirmed), self._patience_seconds)
        letters = [read_letter(message, after) for message in answer.get("messages") or []]
        with self._lock:
            for letter in letters:
                self._keep(letter)
        return letters

    def _keep(self, letter: Letter) -> None:
        if not letter.id:
            self._own.append(letter)
