"""Batches, dependencies, and what a transaction leaves to be done after it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tasks", sa.Column("on_parent_failure", sa.Text, nullable=False, server_default="cancel"))
    in_a_batch = sa.text("batch_id IS NOT NULL")
    op.create_index(
        "ix_tasks_batch",
        "tasks",
        ["batch_id", "created_at", "id"],
        sqlite_where=in_a_batch,
        postgresql_where=in_a_batch,
    )
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
