"""What runs are told of the thread that their request stands in."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, LargeBinary, String, Table, Text

from app.ledger.tables.metadata import metadata

threads_before = Table(
    "threads_before", metadata,
    Column("run_id", String(12), ForeignKey("runs.id"), primary_key=True),
    Column("said", Text, nullable=False),
)

# Apart from it: they are long, and only one reader wants them.
thread_pictures = Table(
    "thread_pictures", metadata,
    Column("run_id", String(12), ForeignKey("runs.id"), primary_key=True),
    Column("name", String(40), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
