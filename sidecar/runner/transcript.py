"""Lines on their way to the door: a bounded queue, numbered batches, repeated until taken.

An agent that prints faster than the door takes waits in its own write. What goes past the transcript's cap is
left out with a marker, its last lines excepted: they say how the agent ended.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import IO, NamedTuple

from .door import Door, DoorGone, DoorRefused, retried
from .lines import LineSplitter

READ_BYTES = 64 * 1024
WAITING_LIMIT_BYTES = 1024 * 1024
BATCH_LIMIT_BYTES = 768 * 1024
BATCH_LIMIT_LINES = 1000
BATCH_SECONDS = 0.1
TRANSCRIPT_LIMIT_BYTES = 32 * 1024 * 1024
TRANSCRIPT_LIMIT_LINES = 100_000
TAIL_LIMIT_BYTES = 256 * 1024
TAIL_LIMIT_LINES = 500


class Line(NamedTuple):
    """One line of a stream; `cost` is what it takes in a call's body, bytes."""

    stream: str
    text: str
    cost: int


def line(stream: str, text: str) -> Line:
    """Return a line with its cost."""
    return Line(stream, text, len(json.dumps(text, ensure_ascii=False).encode()) + 40)


class Transcript:
    """The lines of one sandbox. Thread-safe. `on_lost` is called once if the door will not take lines any more."""

    def __init__(
        self, door: Door, patience_seconds: float, on_lost: Callable[[str], None],
        limit_bytes: int = TRANSCRIPT_LIMIT_BYTES, limit_lines: int = TRANSCRIPT_LIMIT_LINES,
    ) -> None:
        self._door = door
        self._patience_seconds = patience_seconds
        self._on_lost = on_lost
        self._left_bytes, self._left_lines = limit_bytes, limit_lines
        self._waiting: deque[Line] = deque()
        self._waiting_bytes = 0
        self._tail: deque[Line] = deque()
        self._tail_bytes = 0
        self._left_out = 0
        self._closed = False
        self._lost = False
        self._changed = threading.Condition()
        self._last_read = time.monotonic()
        self._poster = threading.Thread(target=self._post, name="poster", daemon=True)
        self._readers: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to hand lines over."""
        self._poster.start()

    def follow(self, stream: str, pipe: IO[bytes]) -> None:
        """Read a pipe to its end in the background."""
        reader = threading.Thread(target=self._read, args=(stream, pipe), name=f"read {stream}", daemon=True)
        self._readers.append(reader)
        reader.start()

    def remark(self, text: str) -> None:
        """Add a line of the runner's own; past any cap, and never waiting for room."""
        with self._changed:
            self._enqueue(line("runner", text))

    def begin_turn(self) -> None:
        """Count quiet from now on: what the turn before has printed says nothing of this one."""
        with self._changed:
            self._last_read = time.monotonic()

    def quiet_seconds(self) -> float:
        """Return for how long the agent has printed nothing; waiting for the door does not count as quiet."""
        with self._changed:
            if self._waiting_bytes >= WAITING_LIMIT_BYTES:
                return 0.0
            return time.monotonic() - self._last_read

    def read_out(self, patience_seconds: float) -> bool:
        """Wait until every followed pipe has ended and return whether they have."""
        deadline = time.monotonic() + patience_seconds
        for reader in self._readers:
            reader.join(max(deadline - time.monotonic(), 0))
        self._readers = [reader for reader in self._readers if reader.is_alive()]
        return not self._readers

    def close(self, patience_seconds: float) -> bool:
        """Hand over what is left and return whether the door took everything."""
        with self._changed:
            left_out = self._left_out - len(self._tail)
            if left_out > 0:
                self._enqueue(line("runner", f"[... {left_out} lines left out: the transcript is full]"))
            for last in self._tail:
                self._enqueue(last)
            self._tail.clear()
            self._closed = True
            self._changed.notify_all()
        self._poster.join(patience_seconds)
        return not self._poster.is_alive() and not self._lost

    def _read(self, stream: str, pipe: IO[bytes]) -> None:
        splitter = LineSplitter()
        while chunk := pipe.read(READ_BYTES):
            self._add(stream, splitter.feed(chunk))
        self._add(stream, splitter.close())

    def _add(self, stream: str, texts: list[str]) -> None:
        with self._changed:
            self._last_read = time.monotonic()
            for new in (line(stream, text) for text in texts):
                self._changed.wait_for(self._has_room)
                if self._left_bytes < new.cost or self._left_lines < 1:
                    self._left_bytes = 0
                    self._keep_in_tail(new)
                else:
                    self._left_bytes -= new.cost
                    self._left_lines -= 1
                    self._enqueue(new)
            self._last_read = time.monotonic()

    def _has_room(self) -> bool:
        return self._waiting_bytes < WAITING_LIMIT_BYTES or self._lost

    def _enqueue(self, new: Line) -> None:
        if self._lost:
            return
        self._waiting.append(new)
        self._waiting_bytes += new.cost
        self._changed.notify_all()

    def _keep_in_tail(self, new: Line) -> None:
        if not self._left_out:
            self._enqueue(line("runner", "[the transcript is full: only the last lines follow, at the end]"))
        self._left_out += 1
        self._tail.append(new)
        self._tail_bytes += new.cost
        while self._tail_bytes > TAIL_LIMIT_BYTES or len(self._tail) > TAIL_LIMIT_LINES:
            self._tail_bytes -= self._tail.popleft().cost

    def _post(self) -> None:
        first = 0
        while batch := self._next_batch():
            posted_at = time.monotonic()
            try:
                first = self._hand_over(first, batch)
            except (DoorGone, DoorRefused) as error:
                with self._changed:
                    self._lost = True
                    self._waiting.clear()
                    self._waiting_bytes = 0
                    self._changed.notify_all()
                self._on_lost(f"the transcript could not be handed over: {error}")
                return
            with self._changed:
                wait = posted_at + BATCH_SECONDS - time.monotonic()
                self._changed.wait_for(lambda: self._closed, max(wait, 0))

    def _hand_over(self, first: int, batch: list[Line]) -> int:
        while batch:
            lines = [{"stream": each.stream, "text": each.text} for each in batch]
            taken = retried(partial(self._door.steps, first, lines), self._patience_seconds)
            if taken < first:
                raise DoorGone(f"it asks for line {taken} again, which it had taken")
            if taken == first:
                raise DoorGone(f"it did not take line {first}")
            batch = batch[taken - first :]
            first = taken
        return first

    def _next_batch(self) -> list[Line]:
        """Wait for lines and return as many as one call may carry; an empty list at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            batch: list[Line] = []
            size = 0
            while self._waiting and len(batch) < BATCH_LIMIT_LINES:
                if batch and size + self._waiting[0].cost > BATCH_LIMIT_BYTES:
                    break
                size += self._waiting[0].cost
                batch.append(self._waiting.popleft())
            self._waiting_bytes -= size
            self._changed.notify_all()
            return batch

