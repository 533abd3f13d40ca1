"""What a conversation at a chat or planning service is known by, waits for and shows beside runs."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text, UniqueConstraint

from app.ledger.tables.metadata import Serial, metadata

# Where words of a case were said there: each such place shows how its runs stand.
places = Table(
    "places", metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("thread", String(300), nullable=False), Column("handle", String(300), nullable=False),
    UniqueConstraint("thread", "handle"),
)

# Other names of a thread, such as an issue's identifier: what links say.
thread_names = Table(
    "thread_names", metadata,
    Column("name", String(300), primary_key=True),
    Column("thread", String(300), nullable=False, index=True),
)

# Events that are not decided on yet, because their person has to be known first, or has to say which repository is meant.
waits = Table(
    "waits", metadata,
    Column("inbox_id", BigInteger, primary_key=True, autoincrement=False),
    # `link`, `repository`
    Column("wants", String(16), nullable=False),
    Column("source", String(32), nullable=False),
    Column("workspace", String(100), nullable=False),
    Column("account_id", String(100), nullable=False),
    Column("thread", String(300), nullable=False),
    # What was chosen; empty: nothing yet.
    Column("repository", String(200), nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Index("ix_waits_account", "source", "workspace", "account_id"),
)

# Cards that belong to no run: each as it should stand now, by its key.
cards = Table(
    "cards", metadata,
    Column("key", String(100), primary_key=True),
    Column("source", String(32), nullable=False),
    Column("card", Text, nullable=False),
    # Its one-time link is made when it is shown, and kept nowhere.
    Column("wants_link", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("delivered_version", Integer, nullable=False),
    Column("known", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at_ms", BigInteger, nullable=False),
    Column("put_at_ms", BigInteger, nullable=False),
    Index("ix_cards_source_next_at_ms", "source", "next_at_ms"),
)
