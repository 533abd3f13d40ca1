"""Secrets that a service changes by itself, such as tokens that rotate: kept for every host, sealed, changed by one process at a time."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import delete, insert, select, update

from app.errors import ServiceError
from app.ledger.database import Database, insert_unless, now_ms
from app.ledger.tables import sealed

# Longer than the request that makes the next one can take.
HOLD_SECONDS = 60.0
_BUSY_SECONDS = 5.0


class Sealed:
    """One secret, by its name. `key` seals it: any secret that every host has by its settings, and the database has not."""

    def __init__(self, database: Database, name: str, key: bytes) -> None:
        self._database, self._name = database, name
        self._box = Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"bellhop sealed\0" + key).digest()))

    def read(self) -> str:
        """Return it; empty: there is none, or none that this key opens."""
        with self._database.read() as tx:
            return self._opened(tx.execute(select(sealed.c.value).where(sealed.c.name == self._name)).scalar())

    def write(self, value: str) -> None:
        """Put it in place of what is there, whoever may be about to change that; empty takes it away."""
        with self._database.begin() as tx:
            tx.execute(delete(sealed).where(sealed.c.name == self._name))
            if value:
                tx.execute(insert(sealed).values(name=self._name, value=self._closed(value), held_until_ms=0, changed_at_ms=now_ms()))

    def change(self, make: Callable[[str], str]) -> str:
        """Replace it by what `make` makes of it, and return that; what that raises leaves it as it was.

        No transaction is open meanwhile, but nobody else changes it. Raises ServiceError while another process does.
        """
        with self._database.begin() as tx:
            tx.execute(insert_unless(tx, sealed).values(name=self._name, value="", held_until_ms=0, changed_at_ms=now_ms()).on_conflict_do_nothing())
            held = tx.execute(
                update(sealed).where(sealed.c.name == self._name, sealed.c.held_until_ms <= now_ms())
                .values(held_until_ms=now_ms() + int(HOLD_SECONDS * 1000)).returning(sealed.c.value, sealed.c.held_until_ms)
            ).one_or_none()
        if held is None:
            raise ServiceError(f"another process renews {self._name}: Bellhop tries again", reason="busy", retry_after_seconds=_BUSY_SECONDS)
        ours = (sealed.c.name == self._name) & (sealed.c.held_until_ms == held[1])
        try:
            value = make(self._opened(held[0]))
        except BaseException:
            with self._database.begin() as tx:
                tx.execute(update(sealed).where(ours).values(held_until_ms=0))
            raise
        with self._database.begin() as tx:
            # Whoever was written meanwhile counts: somebody has connected it anew.
            tx.execute(update(sealed).where(ours).values(value=self._closed(value), held_until_ms=0, changed_at_ms=now_ms()))
        return value

    def _closed(self, value: str) -> str:
        return self._box.encrypt(value.encode()).decode()

    def _opened(self, value: str | None) -> str:
        try:
            return self._box.decrypt(value.encode()).decode() if value else ""
        except InvalidToken:
            return ""
