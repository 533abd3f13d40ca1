"""repositories: where the App is installed, and what is looked at from time to time

Revision: 0004
Follows: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one revision forward."""
    op.create_table(
        "repositories",
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("installation_id", sa.BigInteger(), nullable=False),
        sa.Column("full_name", sa.String(length=201), nullable=False),
        sa.Column("default_branch", sa.String(length=255), nullable=True),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("suspended", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("source", "id", name=op.f("pk_repositories")),
    )
    op.create_index(op.f("ix_repositories_installation_id"), "repositories", ["installation_id"])
    op.create_table(
        "looks",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("next_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_looks")),
    )


def downgrade() -> None:
    """Go one revision back."""
    op.drop_table("looks")
    op.drop_table("repositories")
