"""what runs are told of the thread that their request stands in

Revision: 0018
Follows: 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one revision forward."""
    op.create_table(
        "threads_before",
        sa.Column("run_id", sa.String(length=12), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_threads_before_run_id_runs")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_threads_before")),
    )
    op.create_table(
        "thread_pictures",
        sa.Column("run_id", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_thread_pictures_run_id_runs")),
        sa.PrimaryKeyConstraint("run_id", "name", name=op.f("pk_thread_pictures")),
    )


def downgrade() -> None:
    """Go one revision back."""
    op.drop_table("thread_pictures")
    op.drop_table("threads_before")
