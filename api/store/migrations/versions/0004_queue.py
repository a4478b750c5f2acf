"""The queue: priority as so much waiting, and tasks that are not due yet."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pending = sa.text("status = 'pending'")
    op.add_column("tasks", sa.Column("rank", sa.BigInteger, nullable=False, server_default="0"))
    op.execute(
        "UPDATE tasks SET rank = created_at - priority * 60000000 WHERE status IN ('pending', 'running', 'paused')"
    )
    op.drop_index("ix_tasks_queue", "tasks")
    op.create_index(
        "ix_tasks_queue",
        "tasks",
        ["status", "rank", "id", "due_at", "waiting_on"],
        sqlite_where=pending,
        postgresql_where=pending,
    )
