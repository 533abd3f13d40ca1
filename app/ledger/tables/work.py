"""Runs and what they are made of."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    false,
    text,
)

from app.ledger.tables.metadata import Serial, metadata

threads = Table(
    "threads", metadata,
    Column("thread", String(300), primary_key=True),
    Column("case_id", String(12), nullable=False, index=True),
)

runs = Table(
    "runs", metadata,
    Column("id", String(12), primary_key=True),
    Column("case_id", String(12), nullable=False, index=True),
    Column("thread", String(300), nullable=False),
    Column("event", Text, nullable=False),
    Column("profile", Text, nullable=False),
    Column("host", String(100)),
    Column("state", String(16), nullable=False),
    Column("epoch", BigInteger, nullable=False, default=0),
    Column("lease_owner", String(200)),
    Column("lease_until_ms", BigInteger, nullable=False, default=0),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_at_ms", BigInteger, nullable=False, default=0),
    Column("last_error", Text),
    Column("base_commit", String(64)),
    # What the publisher made of the agent's bundle, once it has been checked (app/publish).
    Column("candidate", Text),
    Column("backend", String(32)),
    Column("isolation", String(16)),
    Column("outcome", Text),
    Column("cancel_requested", Boolean, nullable=False, default=False),
    # Who asked for its end with the work kept.
    Column("stopped_by", String(200)),
    # The run whose conversation this one goes on with.
    Column("parent_id", String(12)),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    # At most one live run per thread, kept by the database itself.
    Index(
        "uq_runs_live_thread", "thread", unique=True,
        sqlite_where=text("state <> 'done'"), postgresql_where=text("state <> 'done'"),
    ),
    # And at most one per case, of which a thread is a name.
    Index(
        "uq_runs_live_case", "case_id", unique=True,
        sqlite_where=text("state <> 'done'"), postgresql_where=text("state <> 'done'"),
    ),
    Index("ix_runs_state_next_at_ms", "state", "next_at_ms"),
    Index("ix_runs_created_at_ms", "created_at_ms"),
)

stages = Table(
    "stages", metadata,
    Column("run_id", String(12), ForeignKey("runs.id"), primary_key=True),
    Column("name", String(40), primary_key=True),
    # Two marks may fall into one millisecond.
    Column("sequence", Integer, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

sandboxes = Table(
    "sandboxes", metadata,
    Column("id", String(40), primary_key=True),
    Column("run_id", String(12), ForeignKey("runs.id"), nullable=False, index=True),
    Column("host", String(100), nullable=False),
    Column("role", String(16), nullable=False),
    Column("agent", String(40), nullable=False),
    Column("backend", String(32), nullable=False),
    Column("assignment", Text, nullable=False),
    Column("handle", Text),
    # opening -> open -> ended -> destroyed
    Column("state", String(16), nullable=False),
    Column("resume_key_sha256", String(64)),
    Column("end", Text),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("deadline_at_ms", BigInteger, nullable=False),
    Column("ended_at_ms", BigInteger),
    # Set while its door asks for a token: the fingerprint of one that does not do any more, or `-`.
    Column("token_wanted", String(64)),
    Index("ix_sandboxes_host_state", "host", "state"),
)

steps = Table(
    "steps", metadata,
    Column("run_id", String(12), ForeignKey("runs.id"), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("sandbox_id", String(40), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("step", Text, nullable=False),
)

# How far the runner's own line numbers have been taken, so that a repeated batch is taken once.
step_marks = Table(
    "step_marks", metadata,
    Column("sandbox_id", String(40), ForeignKey("sandboxes.id"), primary_key=True),
    Column("next_line", BigInteger, nullable=False),
)

messages = Table(
    "messages", metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("run_id", String(12), ForeignKey("runs.id"), nullable=False, index=True),
    Column("inbox_id", BigInteger, nullable=False, unique=True),
    Column("author", String(200), nullable=False),
    Column("text", Text, nullable=False),
    # It does not wait for the end of the agent's turn.
    Column("now", Boolean, nullable=False, default=False, server_default=false()),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("handed_at_ms", BigInteger),
)

exchanges = Table(
    "exchanges", metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("run_id", String(12), ForeignKey("runs.id"), nullable=False),
    Column("sandbox_id", String(40), nullable=False),
    Column("api", String(32), nullable=False),
    Column("path", String(300), nullable=False),
    Column("request", LargeBinary, nullable=False),
    Column("status", Integer, nullable=False),
    Column("content_type", String(100), nullable=False),
    Column("response", LargeBinary, nullable=False),
    Column("input_tokens", Integer), Column("output_tokens", Integer),
    # Of the input tokens, those that came from the vendor's cache and those that went there.
    Column("cache_read_tokens", Integer), Column("cache_write_tokens", Integer),
    # `vendor/model` as it was asked for, which a fallback changes; null for what names none.
    Column("model", String(200)),
    # Millionths of a dollar; null where nobody knows the price.
    Column("cost_micro_usd", BigInteger),
    Column("started_at_ms", BigInteger, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    # What runs cost is read from it alone: the rows themselves are long, and SQLite would have to walk through each.
    Index("ix_exchanges_run_id_cost_micro_usd_started_at_ms", "run_id", "cost_micro_usd", "started_at_ms"),
)

# What the agent has said through its tools, and the gateway about its budget: for the thread, in order.
reports = Table(
    "reports", metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("run_id", String(12), ForeignKey("runs.id"), nullable=False, index=True),
    Column("sandbox_id", String(40), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("report", Text, nullable=False),
)

# What Bellhop itself has to say of a run in its comment, in order, each once.
remarks = Table(
    "remarks", metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("run_id", String(12), ForeignKey("runs.id"), nullable=False, index=True),
    Column("text", Text, nullable=False),
)

audit = Table(
    "audit", metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("run_id", String(12), index=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("credential_id", String(64), nullable=False),
    Column("action", String(64), nullable=False),
    Column("target", String(300), nullable=False),
    Column("verdict", String(64), nullable=False),
)
