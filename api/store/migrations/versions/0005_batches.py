"""Batches, dependencies, schedules, and what a transaction leaves to be done after it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tasks", sa.Column("on_parent_failure", sa.Text, nullable=False, server_default="cancel"))
    _index("ix_tasks_batch", "batch_id")
    _index("ix_tasks_schedule", "schedule_id")
    op.create_table(
        "batches",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
    )
    op.create_table(
        "task_dependencies",
        sa.Column("parent_id", sa.Text, primary_key=True),
        sa.Column("child_id", sa.Text, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_task_dependencies_child", "task_dependencies", ["child_id"])
    op.create_table(
        "continuations",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("other", sa.Text, nullable=False),
        sa.Column("after", sa.Text, nullable=False),
    )
    _schedules()


def _index(name: str, column: str) -> None:
    given = sa.text(f"{column} IS NOT NULL")
    op.create_index(name, "tasks", [column, "created_at", "id"], sqlite_where=given, postgresql_where=given)


def _schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("cron", sa.Text),
        sa.Column("every_seconds", sa.Integer),
        sa.Column("timezone", sa.Text, nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("missed_runs", sa.Text, nullable=False),
        sa.Column("overlap", sa.Text, nullable=False),
        sa.Column("paused", sa.Boolean, nullable=False),
        sa.Column("next_run_at", sa.BigInteger),
        sa.Column("last_run_at", sa.BigInteger),
        sa.Column("last_task_id", sa.Text),
        sa.Column("skipped_runs", sa.Integer, nullable=False),
        sa.Column("last_error", sa.Text),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    op.create_index("ix_schedules_next_run", "schedules", ["next_run_at"])
    op.create_index("ix_schedules_created", "schedules", ["created_at", "id"])
