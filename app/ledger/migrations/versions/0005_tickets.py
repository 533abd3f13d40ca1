"""tickets: what runs are counted under in the line, and how many places each host has

Revision: 0005
Follows: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one revision forward."""
    op.create_table(
        "tickets",
        sa.Column("run_id", sa.String(length=12), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("repo", sa.String(length=100), nullable=False),
        sa.Column("person", sa.String(length=200), nullable=False),
        sa.Column("profile", sa.String(length=100), nullable=False),
        sa.Column("is_by_person", sa.Boolean(), nullable=False),
        sa.Column("budget_micro_usd", sa.BigInteger(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.String(length=300), server_default="", nullable=False),
        sa.Column("told_at_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_tickets_run_id_runs")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_tickets")),
    )
    op.create_index("ix_tickets_profile_since_ms", "tickets", ["profile", "since_ms"], unique=False)
    op.create_index("ix_tickets_since_ms", "tickets", ["since_ms"], unique=False)
    op.create_table(
        "host_places",
        sa.Column("host", sa.String(length=100), nullable=False),
        sa.Column("places", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_host_places")),
    )


def downgrade() -> None:
    """Go one revision back."""
    op.drop_table("host_places")
    op.drop_index("ix_tickets_since_ms", table_name="tickets")
    op.drop_index("ix_tickets_profile_since_ms", table_name="tickets")
    op.drop_table("tickets")
