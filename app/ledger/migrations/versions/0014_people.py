"""people: links between accounts, and who has signed in with GitHub

Revision: 0014
Follows: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one revision forward."""
    op.create_table(
        "links",
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("workspace", sa.String(length=100), nullable=False),
        sa.Column("account_id", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("github_id", sa.BigInteger(), nullable=False),
        sa.Column("login", sa.String(length=100), nullable=False),
        sa.Column("proof", sa.String(length=32), nullable=False),
        sa.Column("asked_in", sa.Text(), nullable=False),
        sa.Column("linked_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("source", "workspace", "account_id", name=op.f("pk_links")),
    )
    op.create_index(op.f("ix_links_github_id"), "links", ["github_id"])
    op.create_table(
        "link_tokens",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("workspace", sa.String(length=100), nullable=False),
        sa.Column("account_id", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("asked_in", sa.Text(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_link_tokens")),
    )
    op.create_index("ix_link_tokens_account", "link_tokens", ["source", "workspace", "account_id"])
    op.create_table(
        "signins",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("github_id", sa.BigInteger(), nullable=False),
        sa.Column("login", sa.String(length=100), nullable=False),
        sa.Column("repositories", sa.Text(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_signins")),
    )
    op.create_table(
        "signin_states",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_signin_states")),
    )


def downgrade() -> None:
    """Go one revision back."""
    op.drop_table("signin_states")
    op.drop_table("signins")
    op.drop_table("link_tokens")
    op.drop_index(op.f("ix_links_github_id"), "links")
    op.drop_table("links")
