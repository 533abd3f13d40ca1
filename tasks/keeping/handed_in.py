"""Runs that another process has put into the ledger, where no broker carries its wake-up to this one."""

from __future__ import annotations

import threading

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.ledger import runs
from tasks.parts import Parts

log = structlog.get_logger()

LOOK_SECONDS = 1.0


class HandedIn:
    """Looks every second for queued runs of this host and wakes each once; what is lost, the sweeper finds."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._woken: frozenset[str] = frozenset()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_forever, name="handed-in", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._over.set()
        self._thread.join(timeout=5)

    def look(self) -> None:
        """Wake what has come since the last look. Raises SQLAlchemyError."""
        host = self._parts.settings.host_name
        with self._parts.database.read() as tx:
            queued = frozenset(run_id for run_id, _ in runs.due(tx, host, ("queued",)))
        for run_id in queued - self._woken:
            self._parts.wakeup.start(run_id, host)
        self._woken = queued

    def _look_forever(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            try:
                self.look()
            except SQLAlchemyError as error:
                log.warning("handed_in_not_read", error=type(error).__name__)
