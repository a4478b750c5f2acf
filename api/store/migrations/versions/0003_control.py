"""When a task may start, what it belongs to and waits for, whether it has stalled."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # With a default SQLite adds a column without touching a row: at once, however large the table.
    op.add_column("tasks", sa.Column("run_at", sa.BigInteger))
    op.add_column("tasks", sa.Column("due_at", sa.BigInteger))
    op.add_column("tasks", sa.Column("batch_id", sa.Text))
    op.add_column("tasks", sa.Column("schedule_id", sa.Text))
    op.add_column("tasks", sa.Column("depends_on", sa.Text, nullable=False, server_default="[]"))
    op.add_column("tasks", sa.Column("waiting_on", sa.Text, nullable=False, server_default="[]"))
    op.add_column("tasks", sa.Column("stalled", sa.Boolean, nullable=False, server_default=sa.false()))
