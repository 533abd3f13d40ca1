"""What became of runs after their end."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, LargeBinary, String, Table, Text

from app.ledger.tables.metadata import metadata

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
