"""Letters that wait for the agent's next turn."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from .door import Door, retried
from .letters import Letter, read_letter

# While an urgent letter is not dealt with nothing more is asked for: the gateway takes the next question for a sign that
# this one was heard.
DEALT_WITH_SECONDS = 15.0


class Waiting:
    """What is said while a turn is under way. Thread-safe. `on_urgent` is called when a letter does not wait for its end.

    A person's letter counts as handed over when the turn that was given it has read it and was not interrupted: until then it is
    asked for again, because an agent that is interrupted may have kept nothing of what it was told.
    """

    def __init__(self, door: Door, patience_seconds: float, on_urgent: Callable[[], None]) -> None:
        self._door = door
        self._patience_seconds = patience_seconds
        self._on_urgent = on_urgent
        self._lock = threading.Lock()
        self._own: list[Letter] = []
        self._dealt_with = threading.Event()
        # Numbers of people's letters, each the greatest: that does not wait, that a turn was given, whose turn is over, and
        # up to which all were read.
        self._urgent = 0
        self._taken = 0
        self._over = 0
        self._confirmed = 0
        self._all_read = True

    def receive(self, letters: Sequence[Letter]) -> None:
        """Take what one answer of the door holds; of people's letters only that they are there, because `take` asks for them."""
        with self._lock:
            self._keep(letters)
            urgent = self._is_urgent()
            if urgent:
                self._dealt_with.clear()
        if urgent:
            self._on_urgent()
            self._dealt_with.wait(DEALT_WITH_SECONDS)

    def confirmed(self, seen: int) -> int:
        """Return the number of the last letter, up to `seen`, before which none is unread."""
        return min(seen, self._confirmed)

    @property
    def is_urgent(self) -> bool:
        """Whether a letter that does not wait for the end of the turn has come, and no turn was given it."""
        with self._lock:
            return self._is_urgent()

    def put(self, letter: Letter) -> None:
        """Add one of our own."""
        with self._lock:
            self._keep([letter])

    def take(self) -> list[Letter]:
        """Return all that the next turn is to read, people's first, what an interrupted turn was given before them.

        The door is asked, so that nothing is missed and nothing comes twice. Raises DoorGone, DoorRefused.
        """
        answer = retried(lambda: self._door.messages(self._over, 0, self._confirmed), self._patience_seconds)
        letters = [read_letter(message, self._over) for message in answer.get("messages") or []]
        people = [letter for letter in letters if letter.id]
        with self._lock:
            self._keep(letters)
            own, self._own = self._own, []
            self._taken = max([self._taken, *(letter.id for letter in people)])
            if not self._is_urgent():
                self._dealt_with.set()
        return people + own

    def finish(self, *, is_read: bool) -> None:
        """Note that the turn with what `take` returned is over without an interruption, and whether it has read its input."""
        if self._taken > self._over:
            # The door confirms up to a number: after a letter that nobody read, none is.
            self._all_read = self._all_read and is_read
            self._over = self._taken
        if self._all_read:
            self._confirmed = self._over

    def dealt_with(self) -> None:
        """Let the inbox ask again: the turn that was to be interrupted is over."""
        self._dealt_with.set()

    def _is_urgent(self) -> bool:
        return self._urgent > self._taken or any(letter.now or letter.last for letter in self._own)

    def _keep(self, letters: Sequence[Letter]) -> None:
        self._own += [letter for letter in letters if not letter.id]
        self._urgent = max([self._urgent, *(letter.id for letter in letters if letter.now or letter.last)])
