"""What is to be said where, and how far it has been."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from app.ledger.tables.metadata import Serial, metadata

outbox = Table(
    "outbox", metadata,
    # One row per run and kind (`comment`, `question-7`, `budget-8`): the reply as it should stand now.
    Column("run_id", String(12), ForeignKey("runs.id"), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("body", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("delivered_version", Integer, nullable=False, default=0),
    Column("url", Text),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_at_ms", BigInteger, nullable=False),
    # Whoever delivers holds the row until then, so that two workers never both create the comment.
    Column("held_until_ms", BigInteger, nullable=False, default=0),
    Column("last_error", Text),
)

# What was said to people whose ring came to nothing: each once in its thread, so that nobody can have it said again.
notices = Table(
    "notices", metadata,
    Column("id", String(12), primary_key=True),
    Column("thread", String(300), nullable=False), Column("key", String(100), nullable=False),
    Column("repo", String(100), nullable=False),
    Column("event", Text, nullable=False), Column("text", Text, nullable=False),
    # False: there was too much to say in that repository just then.
    Column("said", Boolean, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("is_delivered", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_at_ms", BigInteger, nullable=False),
    UniqueConstraint("thread", "key"),
    Index("ix_notices_repo_at_ms", "repo", "at_ms"),
    Index("ix_notices_is_delivered_next_at_ms", "is_delivered", "next_at_ms"),
)

# The button that is offered on a head of somebody's pull request, and how far the service has been told of it.
offers = Table(
    "offers", metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("source", String(32), nullable=False),
    Column("repository_id", BigInteger, nullable=False),
    Column("head_commit", String(64), nullable=False),
    Column("event", Text, nullable=False),
    # `conflict`, `red-build`, `stale`, with spaces between.
    Column("frictions", String(100), nullable=False),
    # Who pressed first of those who may not; empty: nobody.
    Column("refused", String(200), nullable=False),
    Column("run_id", String(12), nullable=False),
    Column("version", Integer, nullable=False),
    Column("delivered_version", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at_ms", BigInteger, nullable=False),
    UniqueConstraint("source", "repository_id", "head_commit"),
)
