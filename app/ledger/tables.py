"""The database's tables. All times are integer milliseconds since 1970 by the database's own clock.

JSON documents are text columns: they are nouns, read back by their model, never queried into.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite only counts up in a column declared exactly INTEGER.
Serial = BigInteger().with_variant(Integer, "sqlite")

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

# One-time links to the pages, and the sessions made from them; only hashes are kept.
page_keys = Table(
    "page_keys", metadata,
    Column("sha256", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
)

hosts = Table(
    "hosts", metadata,
    Column("name", String(100), primary_key=True),
    Column("seen_at_ms", BigInteger, nullable=False),
)

# Where the App is installed, by the service's own numbers: told by webhooks, put right by a slow look (tasks/census.py).
repositories = Table(
    "repositories", metadata,
    Column("source", String(32), primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("installation_id", BigInteger, nullable=False, index=True),
    Column("full_name", String(201), nullable=False),
    # Null until a look has told it: news of an installation does not.
    Column("default_branch", String(255)),
    Column("archived", Boolean, nullable=False, default=False),
    Column("suspended", Boolean, nullable=False, default=False),
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

# What is looked at from time to time, whoever does it: when next.
looks = Table(
    "looks", metadata,
    Column("name", String(100), primary_key=True),
    Column("next_at_ms", BigInteger, nullable=False),
)

# What each run is counted under while it waits for a place and while it has one (app/core/waiting_line.py).
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

# How many places a host has, as its own worker says.
host_places = Table(
    "host_places", metadata,
    Column("host", String(100), primary_key=True),
    Column("places", Integer, nullable=False),
)

# Profiles that begin nothing for now, or `*` for all of them.
pauses = Table(
    "pauses", metadata,
    Column("profile", String(100), primary_key=True),
    Column("since_ms", BigInteger, nullable=False),
)

# What is counted as it happens (app/ledger/tallies.py): `labels` is a JSON list.
tallies = Table(
    "tallies", metadata,
    Column("name", String(40), primary_key=True),
    Column("labels", String(300), primary_key=True),
    Column("count", BigInteger, nullable=False),
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

# Results, and plans for one, that wait for approval: what they bind, and the commit as a git bundle that any host can take up.
holds = Table(
    "holds", metadata,
    Column("run_id", String(12), ForeignKey("runs.id"), primary_key=True),
    Column("binds", String(64), nullable=False),
    # open -> approved | rejected
    Column("state", String(16), nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("bundle", LargeBinary),
    Column("patch", Text, nullable=False, default=""),
    # The run that goes on with it, once it is approved.
    Column("approved_run_id", String(12), unique=True),
)

# Who has said yes to what, by the service's own id, with the permission that they had then.
approvals = Table(
    "approvals", metadata,
    Column("run_id", String(12), ForeignKey("runs.id"), primary_key=True),
    Column("actor_id", String(64), primary_key=True),
    Column("login", String(200), nullable=False), Column("permission", String(16), nullable=False),
    Column("binds", String(64), nullable=False), Column("at_ms", BigInteger, nullable=False),
)

# What Bellhop itself has to say of a run in its comment, in order, each once.
remarks = Table(
    "remarks", metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("run_id", String(12), ForeignKey("runs.id"), nullable=False, index=True),
    Column("text", Text, nullable=False),
)

# The newest tick of each line of a schedule that was made an event of, or passed over when the line was new.
schedules = Table(
    "schedules", metadata,
    Column("profile", String(63), primary_key=True), Column("repository", String(201), primary_key=True),
    Column("line", String(200), primary_key=True), Column("ticked_at_ms", BigInteger, nullable=False),
)

# What became of each pull request that Bellhop has opened, told by the service's events.
results = Table(
    "results", metadata,
    Column("source", String(32), primary_key=True),
    Column("repo_id", BigInteger, primary_key=True, autoincrement=False), Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("repo", String(201), nullable=False), Column("profile", String(100), nullable=False, index=True),
    Column("case_id", String(12), nullable=False),
    # What Bellhop has last put there: anything else at its end is people's.
    Column("commit", String(64), nullable=False),
    # open -> merged | closed, and back where it is opened again
    Column("state", String(16), nullable=False),
    Column("reworked", Boolean, nullable=False, default=False), Column("reverted", Boolean, nullable=False, default=False),
    Column("opened_at_ms", BigInteger, nullable=False),
)

# One row for each run that was started because CI had failed, so that they can be counted by commit and by case.
ci_attempts = Table(
    "ci_attempts", metadata,
    Column("run_id", String(12), ForeignKey("runs.id"), primary_key=True),
    Column("source", String(32), nullable=False), Column("repo_id", BigInteger, nullable=False), Column("head_commit", String(64), nullable=False),
    Column("case_id", String(12), nullable=False, index=True), Column("at_ms", BigInteger, nullable=False),
    Index("ix_ci_attempts_repo_id_head_commit", "repo_id", "head_commit"),
)
