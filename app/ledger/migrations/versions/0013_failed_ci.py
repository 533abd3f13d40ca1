"""failed CI: the runs that were started for it, to be counted by commit and by case

Revision: 0013
Follows: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one revision forward."""
    op.create_table(
        "ci_attempts",
        sa.Column("run_id", sa.String(length=12), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("repo_id", sa.BigInteger(), nullable=False),
        sa.Column("head_commit", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=12), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_ci_attempts_run_id_runs")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_ci_attempts")),
    )
    with op.batch_alter_table("ci_attempts", schema=None) as batch_op:
        batch_op.create_index("ix_ci_attempts_repo_id_head_commit", ["repo_id", "head_commit"], unique=False)
        batch_op.create_index(batch_op.f("ix_ci_attempts_case_id"), ["case_id"], unique=False)


def downgrade() -> None:
    """Go one revision back."""
    op.drop_table("ci_attempts")
