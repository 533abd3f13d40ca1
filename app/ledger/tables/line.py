"""Hosts, and who waits for a place on them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table

from app.ledger.tables.metadata import metadata

hosts = Table(
    "hosts", metadata,
    Column("name", String(100), primary_key=True),
    Column("seen_at_ms", BigInteger, nullable=False),
)

# How many places a host has, as its own worker says.
host_places = Table(
    "host_places", metadata,
    Column("host", String(100), primary_key=True),
    Column("places", Integer, nullable=False),
)

# What each run is counted under while it waits for a place and while it has one (app/core/line/waiting_line.py).
tickets = Table(
    "tickets", metadata,
    Column("run_id", String(12), ForeignKey("runs.id"), primary_key=True),
    Column("owner", String(200), nullable=False), Column("repo", String(100), nullable=False),
    Column("person", String(200), nullable=False), Column("profile", String(100), nullable=False),
    Column("is_by_person", Boolean, nullable=False), Column("budget_micro_usd", BigInteger, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    # What the thread was told of its place, and when.
    Column("told", String(300), nullable=False, default="", server_default=""),
    Column("told_at_ms", BigInteger, nullable=False, default=0, server_default="0"),
    Index("ix_tickets_profile_since_ms", "profile", "since_ms"),
    Index("ix_tickets_since_ms", "since_ms"),
)

# Profiles that begin nothing for now, or `*` for all of them.
pauses = Table(
    "pauses", metadata,
    Column("profile", String(100), primary_key=True),
    Column("since_ms", BigInteger, nullable=False),
)
