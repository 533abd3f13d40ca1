"""cases: where they are talked about, what waits for its person, cards of no run, and one live run each

Revision: 0017
Follows: 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one revision forward."""
    op.create_table(
        "places",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("thread", sa.String(length=300), nullable=False),
        sa.Column("handle", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_places")),
        sa.UniqueConstraint("thread", "handle", name=op.f("uq_places_thread_handle")),
    )
    op.create_table(
        "thread_names",
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("thread", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_thread_names")),
    )
    op.create_index(op.f("ix_thread_names_thread"), "thread_names", ["thread"])
    op.create_table(
        "waits",
        sa.Column("inbox_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("wants", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("workspace", sa.String(length=100), nullable=False),
        sa.Column("account_id", sa.String(length=100), nullable=False),
        sa.Column("thread", sa.String(length=300), nullable=False),
        sa.Column("repository", sa.String(length=200), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("inbox_id", name=op.f("pk_waits")),
    )
    op.create_index("ix_waits_account", "waits", ["source", "workspace", "account_id"])
    op.create_table(
        "cards",
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("card", sa.Text(), nullable=False),
        sa.Column("wants_link", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("delivered_version", sa.Integer(), nullable=False),
        sa.Column("known", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("put_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_cards")),
    )
    op.create_index("ix_cards_source_next_at_ms", "cards", ["source", "next_at_ms"])
    _part_what_is_live_twice()
    live = sa.text("state <> 'done'")
    op.create_index("uq_runs_live_case", "runs", ["case_id"], unique=True, sqlite_where=live, postgresql_where=live)


def _part_what_is_live_twice() -> None:
    """Give a run that is live beside an older one of its case a case of its own: only two workers at once could have made one."""
    runs = sa.table("runs", sa.column("id"), sa.column("case_id"), sa.column("state"), sa.column("created_at_ms"))
    live = sa.select(runs.c.id, runs.c.case_id).where(runs.c.state != "done").order_by(runs.c.created_at_ms, runs.c.id)
    seen: set[str] = set()
    for run_id, case_id in op.get_bind().execute(live).all():
        if case_id in seen:
            op.execute(sa.update(runs).where(runs.c.id == run_id).values(case_id=run_id))
        seen.add(case_id)


def downgrade() -> None:
    """Go one revision back."""
    op.drop_index("uq_runs_live_case", "runs")
    op.drop_index("ix_cards_source_next_at_ms", "cards")
    op.drop_table("cards")
    op.drop_index("ix_waits_account", "waits")
    op.drop_table("waits")
    op.drop_index(op.f("ix_thread_names_thread"), "thread_names")
    op.drop_table("thread_names")
    op.drop_table("places")
