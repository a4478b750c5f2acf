"""Alert rules: what they have looked at, what they fired for, and the calls of their webhooks."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rules",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("condition", sa.Text, nullable=False),
        sa.Column("match", sa.Text, nullable=False),
        sa.Column("actions", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("everyone", sa.Boolean, nullable=False),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("cooldown_seconds", sa.Float, nullable=False),
        sa.Column("fired", sa.Integer, nullable=False),
        sa.Column("last_fired_at", sa.BigInteger),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("watched_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_rules_created", "rules", ["created_at", "id"])
    op.create_table(
        "rule_marks",
        sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("rule_id", sa.Text, sa.ForeignKey("rules.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("memory", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_rule_marks_rule", "rule_marks", ["rule_id"])
    _firings()
    _deliveries()


def _firings() -> None:
    op.create_table(
        "rule_firings",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("rule_id", sa.Text, sa.ForeignKey("rules.id", ondelete="CASCADE"), nullable=False),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
    )
    op.create_index("ix_rule_firings_event", "rule_firings", ["rule_id", "task_id", "seq"], unique=True)
    op.create_index("ix_rule_firings_rule", "rule_firings", ["rule_id", "id"])


def _deliveries() -> None:
    op.create_table(
        "rule_deliveries",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("rule_id", sa.Text, sa.ForeignKey("rules.id", ondelete="CASCADE"), nullable=False),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("tried_at", sa.BigInteger),
        sa.Column("error", sa.Text),
    )
    to_be_tried = sa.text("due_at IS NOT NULL")
    op.create_index(
        "ix_rule_deliveries_due", "rule_deliveries", ["due_at"], sqlite_where=to_be_tried, postgresql_where=to_be_tried
    )
    op.create_index("ix_rule_deliveries_rule", "rule_deliveries", ["rule_id", "created_at", "id"])
