"""The schedule: Celery's scheduler, sending one tick for all hosts."""

from __future__ import annotations

import threading

from celery import Celery
from celery.beat import Scheduler


class Beat:
    """Celery's scheduler in a thread of this process, in memory, because a missed tick is made up by the next."""

    def __init__(self, celery: Celery) -> None:
        self._scheduler = Scheduler(celery)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="beat", daemon=True)

    def start(self) -> None:
        """Begin to tick."""
        self._thread.start()

    def stop(self) -> None:
        """Stop ticking."""
        self._over.set()
        self._thread.join(timeout=5)

    def wait(self) -> None:
        """Block until it ends."""
        self._thread.join()

    def _tick(self) -> None:
        # Celery's own loop around the scheduler sleeps through a stop, for as long as its schedule is wide.
        try:
            while not self._over.is_set():
                self._over.wait(self._scheduler.tick())
        finally:
            self._scheduler.close()
