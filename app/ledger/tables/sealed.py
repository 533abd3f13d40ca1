"""Secrets that change by themselves and that every host needs: sealed with a key that is not in the database."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, String, Table, Text

from app.ledger.tables.metadata import metadata

# `held_until_ms`: somebody is making the next one of it until then.
sealed = Table(
    "sealed", metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
    Column("held_until_ms", BigInteger, nullable=False),
    Column("changed_at_ms", BigInteger, nullable=False),
)
