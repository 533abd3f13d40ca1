"""schedules: how far each line of a profile's schedule has come

Revision: 0010
Follows: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one revision forward."""
    op.create_table(
        "schedules",
        sa.Column("profile", sa.String(length=63), nullable=False),
        sa.Column("repository", sa.String(length=201), nullable=False),
        sa.Column("line", sa.String(length=200), nullable=False),
        sa.Column("ticked_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("profile", "repository", "line", name=op.f("pk_schedules")),
    )


def downgrade() -> None:
    """Go one revision back."""
    op.drop_table("schedules")
