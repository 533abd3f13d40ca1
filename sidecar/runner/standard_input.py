"""An agent's standard input: written off the main thread, so that one that never reads blocks nothing, and what it has read is known."""

from __future__ import annotations

import fcntl
import os
import queue
import select
import struct
import termios
import threading

# PIPE_BUF: no more than a pipe that does not wait takes whole or not at all.
# https://man7.org/linux/man-pages/man7/pipe.7.html
PIECE_BYTES = 4096


class StandardInput:
    """A pipe to one process.

    Its reading end stays open here too, so that what the process leaves in it can be counted when it is gone; `close` ends both.
    """

    def __init__(self) -> None:
        """Open the pipe. Raises OSError."""
        self.reading_end, self._writing_end = os.pipe()
        os.set_blocking(self._writing_end, False)
        self._texts: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._put_bytes = 0
        self._written_bytes = 0
        self._left_bytes: int | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin to write."""
        threading.Thread(target=self._work, name="stdin", daemon=True).start()

    def put(self, text: str) -> int:
        """Have `text` written; return how many bytes the process has read when it has read that."""
        raw = text.encode("utf-8", "replace")
        with self._lock:
            self._put_bytes += len(raw)
            self._texts.put(raw)
            return self._put_bytes

    def end(self) -> None:
        """Have the pipe end after what was put."""
        self._texts.put(None)

    @property
    def read_bytes(self) -> int:
        """How many bytes the process has read."""
        with self._lock:
            return self._written_bytes - (_waiting_bytes(self.reading_end) if self._left_bytes is None else self._left_bytes)

    @property
    def is_read(self) -> bool:
        """Whether the process has read all that was put."""
        return self.read_bytes >= self._put_bytes

    def close(self) -> None:
        """Write no more; `read_bytes` stays what it is. Called when the process is gone."""
        with self._lock:
            if self._left_bytes is None:
                self._left_bytes = _waiting_bytes(self.reading_end)
                os.close(self.reading_end)
        self._texts.put(None)

    def _work(self) -> None:
        try:
            while (raw := self._texts.get()) is not None:
                for start in range(0, len(raw), PIECE_BYTES):
                    self._write(raw[start : start + PIECE_BYTES])
        except OSError:
            return  # nobody reads any more
        finally:
            os.close(self._writing_end)

    def _write(self, piece: bytes) -> None:
        room = select.poll()
        room.register(self._writing_end, select.POLLOUT)
        while True:
            with self._lock:
                try:
                    # Whole or not at all, and counted before anybody asks what was read.
                    self._written_bytes += os.write(self._writing_end, piece)
                    return
                except BlockingIOError:
                    pass
            room.poll()


def _waiting_bytes(pipe: int) -> int:
    # FIONREAD: https://man7.org/linux/man-pages/man2/FIONREAD.2const.html
    return int(struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0])
