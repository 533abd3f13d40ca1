"""Who people are across services: links, the tokens that make them, and sessions of those who have signed in with GitHub."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, String, Table, Text

from app.ledger.tables.metadata import metadata

# One GitHub account at most behind an account of another surface.
links = Table(
    "links", metadata,
    Column("source", String(32), primary_key=True),
    Column("workspace", String(100), primary_key=True),
    Column("account_id", String(100), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("github_id", BigInteger, nullable=False, index=True),
    Column("login", String(100), nullable=False),
    Column("proof", String(32), nullable=False),
    Column("asked_in", Text, nullable=False),
    Column("linked_at_ms", BigInteger, nullable=False),
    Column("told", Boolean, nullable=False),
)

# Only hashes of tokens and of sessions' keys are kept.
link_tokens = Table(
    "link_tokens", metadata,
    Column("sha256", String(64), primary_key=True),
    Column("source", String(32), nullable=False),
    Column("workspace", String(100), nullable=False),
    Column("account_id", String(100), nullable=False),
    Column("name", String(200), nullable=False),
    Column("asked_in", Text, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Index("ix_link_tokens_account", "source", "workspace", "account_id"),
)

signins = Table(
    "signins", metadata,
    Column("sha256", String(64), primary_key=True),
    Column("github_id", BigInteger, nullable=False),
    Column("login", String(100), nullable=False),
    # JSON: the ids of the repositories that they may read.
    Column("repositories", Text, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
)

# Requests to sign in that GitHub has answered, so that no answer counts twice.
signin_states = Table(
    "signin_states", metadata,
    Column("sha256", String(64), primary_key=True),
    Column("expires_at_ms", BigInteger, nullable=False),
)
