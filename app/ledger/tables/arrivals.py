"""What came in through the door, and what is counted of it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text, UniqueConstraint

from app.ledger.tables.metadata import Serial, metadata

inbox = Table(
    "inbox", metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("source", String(32), nullable=False), Column("delivery_key", String(200), nullable=False),
    Column("intent_key", String(64)),
    Column("event", Text, nullable=False),
    Column("received_at_ms", BigInteger, nullable=False),
    # stored -> routed | ignored | failed
    Column("state", String(16), nullable=False),
    Column("decision", Text),
    Column("run_id", String(12)),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_at_ms", BigInteger, nullable=False),
    UniqueConstraint("source", "delivery_key"),
    # Rows without an intent key are all different ones: NULL equals nothing.
    UniqueConstraint("source", "intent_key"),
    Index("ix_inbox_state_next_at_ms", "state", "next_at_ms"),
)

delivery_counts = Table(
    "delivery_counts", metadata,
    Column("source", String(32), primary_key=True),
    Column("verdict", String(16), primary_key=True),
    Column("reason", String(100), primary_key=True),
    Column("count", BigInteger, nullable=False),
)

# What is counted as it happens (app/ledger/tallies.py): `labels` is a JSON list.
tallies = Table(
    "tallies", metadata,
    Column("name", String(40), primary_key=True),
    Column("labels", String(300), primary_key=True),
    Column("count", BigInteger, nullable=False),
)
