"""costs at a glance: an index that knows what each exchange has cost

Revision: 0009
Follows: 0008
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_INDEX = "ix_exchanges_run_id_cost_micro_usd_started_at_ms"


def upgrade() -> None:
    """Go one revision forward."""
    op.create_index(_INDEX, "exchanges", ["run_id", "cost_micro_usd", "started_at_ms"], unique=False)
    op.drop_index("ix_exchanges_run_id", table_name="exchanges")


def downgrade() -> None:
    """Go one revision back."""
    op.create_index("ix_exchanges_run_id", "exchanges", ["run_id"], unique=False)
    op.drop_index(_INDEX, table_name="exchanges")
