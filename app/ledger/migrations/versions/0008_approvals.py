"""approvals: results that wait, who has said yes, what Bellhop remarks on a run

Revision: 0008
Follows: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one revision forward."""
    op.create_table(
        "holds",
        sa.Column("run_id", sa.String(length=12), nullable=False),
        sa.Column("binds", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("bundle", sa.LargeBinary(), nullable=True),
        sa.Column("patch", sa.Text(), nullable=False),
        sa.Column("approved_run_id", sa.String(length=12), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_holds_run_id")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_holds")),
        sa.UniqueConstraint("approved_run_id", name=op.f("uq_holds_approved_run_id")),
    )
    op.create_table(
        "approvals",
        sa.Column("run_id", sa.String(length=12), nullable=False),
        sa.Column("actor_id", sa.String(length=64), nullable=False),
        sa.Column("login", sa.String(length=200), nullable=False),
        sa.Column("permission", sa.String(length=16), nullable=False),
        sa.Column("binds", sa.String(length=64), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_approvals_run_id")),
        sa.PrimaryKeyConstraint("run_id", "actor_id", name=op.f("pk_approvals")),
    )
    op.create_table(
        "remarks",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("run_id", sa.String(length=12), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_remarks_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remarks")),
    )
    with op.batch_alter_table("remarks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_remarks_run_id"), ["run_id"], unique=False)


def downgrade() -> None:
    """Go one revision back."""
    op.drop_table("remarks")
    op.drop_table("approvals")
    op.drop_table("holds")
