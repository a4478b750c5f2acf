"""Retention: how far a task's history was trimmed, and idempotency keys by age."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # With a default SQLite adds a column without touching a row: at once, however large the table.
    op.add_column("tasks", sa.Column("trimmed_seq", sa.BigInteger, nullable=False, server_default="0"))
    op.create_index("ix_idempotency_keys_created", "idempotency_keys", ["created_at"])
