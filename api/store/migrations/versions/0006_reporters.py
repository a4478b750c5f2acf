"""When the reporter of an external task was last heard of, and how silent it usually is."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tasks", sa.Column("heard_at", sa.BigInteger))
    op.add_column("tasks", sa.Column("usual_silence", sa.Float, nullable=False, server_default="0"))
    # Those that run now are heard of from now on: nobody knows when they were last.
    running = sa.text("UPDATE tasks SET heard_at = :now WHERE type = 'external' AND status = 'running'")
    op.execute(running.bindparams(now=time.time_ns() // 1000))
