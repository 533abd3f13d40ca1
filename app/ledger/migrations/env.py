"""Alembic's entry: migrates the database that `app.ledger.schema` hands over."""

from __future__ import annotations

from alembic import context

from app.ledger.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
