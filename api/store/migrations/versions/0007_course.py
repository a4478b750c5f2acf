"""How long a task worked and what it is comparable by, for estimates; what is known of earlier ones is filled in."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# The latest of each type, as many as an estimate looks through; of the others it stays unknown. A history that
# was trimmed does not tell it. A status in the data cannot be mistaken: quotes within a text are escaped.
KNOWN = """
UPDATE tasks SET worked_seconds = (
    SELECT coalesce(sum(until - at), 0) / 1000000.0 FROM (
        SELECT at, data, lead(at) OVER (ORDER BY seq) AS until FROM events
        WHERE task_id = tasks.id AND type = 'status_change'
    ) AS changes WHERE until IS NOT NULL AND data LIKE '%"status":"running"%'
) WHERE id IN (
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY type ORDER BY completed_at DESC) AS place FROM tasks
        WHERE status = 'completed' AND trimmed_seq = 0 AND completed_at IS NOT NULL
    ) AS latest WHERE place <= 500
)
"""


def upgrade() -> None:
    measured = sa.text("status = 'completed' AND worked_seconds IS NOT NULL")
    op.add_column("tasks", sa.Column("size", sa.Text, nullable=False, server_default=""))
    op.add_column("tasks", sa.Column("worked_seconds", sa.Float, server_default="0"))
    op.add_column("tasks", sa.Column("working_since", sa.BigInteger))
    op.execute("UPDATE tasks SET worked_seconds = NULL WHERE started_at IS NOT NULL")
    op.execute(KNOWN)
    op.create_index(
        "ix_tasks_course",
        "tasks",
        ["type", "status", "completed_at", "size", "worked_seconds"],
        sqlite_where=measured,
        postgresql_where=measured,
    )
