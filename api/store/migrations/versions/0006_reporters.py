"""When the reporter of an external task was last heard of, and how silent it usually is."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tasks", sa.Column("heard_at", sa.BigInteger))
    op.add_column("tasks", sa.Column("usual_silence", sa.Float, nullable=False, server_default="0"))
    # What runs elsewhere has no lease: it is heard of from now on.
    op.execute(
        "UPDATE tasks SET heard_at = coalesce(started_at, created_at) "
        "WHERE type = 'external' AND status = 'running' AND lease_id IS NULL"
    )
