"""Keys to the pages: a link that works once, and the session that it opens."""

from __future__ import annotations

import hashlib
import secrets

from sqlalchemy import Connection, delete, insert, select

from app.ledger.database import now_ms
from app.ledger.tables import page_keys

LINK_SECONDS = 15 * 60
SESSION_SECONDS = 7 * 24 * 3600


def new_link(tx: Connection) -> str:
    """Return a key that opens one session within fifteen minutes; only its hash is kept."""
    tx.execute(delete(page_keys).where(page_keys.c.expires_at_ms <= now_ms()))
    return _new(tx, "link", LINK_SECONDS)


def open_session(tx: Connection, link: str) -> str | None:
    """Spend a link and return the session's key; None when the link is unknown, spent or too old."""
    spent = tx.execute(
        delete(page_keys).where(
            page_keys.c.sha256 == _digest(link), page_keys.c.kind == "link", page_keys.c.expires_at_ms > now_ms()
        )
    )
    return _new(tx, "session", SESSION_SECONDS) if spent.rowcount == 1 else None


def is_session(tx: Connection, key: str) -> bool:
    """Return whether `key` is a session's."""
    found = tx.execute(
        select(page_keys.c.sha256).where(
            page_keys.c.sha256 == _digest(key), page_keys.c.kind == "session", page_keys.c.expires_at_ms > now_ms()
        )
    ).first()
    return found is not None


def _new(tx: Connection, kind: str, seconds: int) -> str:
    key = secrets.token_urlsafe(32)
    tx.execute(insert(page_keys).values(sha256=_digest(key), kind=kind, expires_at_ms=now_ms() + seconds * 1000))
    return key


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
