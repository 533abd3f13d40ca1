"""conversations: who stopped a run, what it follows, what does not wait

Revision: 0003
Follows: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one revision forward."""
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("stopped_by", sa.String(length=200), nullable=True))
        batch_op.add_column(sa.Column("parent_id", sa.String(length=12), nullable=True))
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("now", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    """Go one revision back."""
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.drop_column("now")
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.drop_column("parent_id")
        batch_op.drop_column("stopped_by")
