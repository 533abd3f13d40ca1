"""A conversation decided on by one worker at a time, where two decisions could miss each other."""

from __future__ import annotations

from sqlalchemy import Connection, text


def hold_still(tx: Connection, thread: str) -> None:
    """Keep other transactions that ask for this thread waiting until this one ends. SQLite has one writer at a time anyway."""
    if tx.dialect.name == "postgresql":
        # https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
        tx.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:thread, 0))"), {"thread": thread})
