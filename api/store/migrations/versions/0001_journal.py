"""The journal: tasks, their events, tags, idempotency keys, epoch."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _tasks()
    _tags()
    _events()
    _idempotency_keys()
    _journal()


def _tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("params", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("progress_percent", sa.Float, nullable=False),
        sa.Column("current_iteration", sa.BigInteger, nullable=False),
        sa.Column("max_iterations", sa.BigInteger),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("metrics", sa.Text, nullable=False),
        sa.Column("eta_seconds", sa.Float),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("max_attempts", sa.Integer, nullable=False),
        sa.Column("timeout_seconds", sa.Float),
        sa.Column("retry_of", sa.Text),
        sa.Column("pending_command", sa.Text),
        sa.Column("worker", sa.Text),
        sa.Column("lease_id", sa.Text),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("completed_at", sa.BigInteger),
        sa.Column("result", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("artifact_dir", sa.Text),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_tasks_created", "tasks", ["created_at", "id"])
    op.create_index("ix_tasks_status", "tasks", ["status", "created_at", "id"])
    op.create_index("ix_tasks_owner", "tasks", ["owner", "created_at", "id"])
    op.create_index("ix_tasks_type", "tasks", ["type", "created_at", "id"])
    pending = sa.text("status = 'pending'")
    op.create_index(
        "ix_tasks_queue",
        "tasks",
        ["status", sa.text("priority DESC"), "created_at", "id"],
        sqlite_where=pending,
        postgresql_where=pending,
    )


def _tags() -> None:
    op.create_table(
        "task_tags",
        sa.Column("tag", sa.Text, primary_key=True),
        sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_task_tags_task", "task_tags", ["task_id"])


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("task_id", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_events_type", "events", ["task_id", "type", "seq"])


def _idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("body_hash", sa.Text, nullable=False),
        sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.id", ondelete="CASCADE"), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_idempotency_keys_task", "idempotency_keys", ["task_id"])


def _journal() -> None:
    op.create_table(
        "journal",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("epoch", sa.Text, nullable=False),
    )
    op.create_table(
        "openings",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("boot_id", sa.Text),
        sa.Column("process", sa.Text, nullable=False),
        sa.Column("synchronous", sa.Text, nullable=False),
    )
