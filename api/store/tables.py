"""The tables. A change here needs a migration beside it; a test compares the two."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    false,
    text,
)

metadata = MetaData()

# One column per field of `domain.task.Task`, in the same order: a row becomes a task by position. `rank` follows.
# Times are microseconds since 1970 UTC; JSON is text, so that one form serves every database.
# `params` stays in this row although an append writes the row anew: even at 64 KiB that costs 17 µs.
tasks = Table(
    "tasks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("params", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("progress_percent", Float, nullable=False),
    Column("current_iteration", BigInteger, nullable=False),
    Column("max_iterations", BigInteger),
    Column("message", Text, nullable=False),
    Column("metrics", Text, nullable=False),
    Column("eta_seconds", Float),
    Column("attempt", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("timeout_seconds", Float),
    Column("retry_of", Text),
    Column("pending_command", Text),
    Column("worker", Text),
    Column("lease_id", Text),
    Column("started_at", BigInteger),
    Column("completed_at", BigInteger),
    Column("result", Text),
    Column("error", Text),
    Column("artifact_dir", Text),
    Column("last_seq", BigInteger, nullable=False),
    Column("trimmed_seq", BigInteger, nullable=False, server_default="0"),
    Column("run_at", BigInteger),
    Column("due_at", BigInteger),
    Column("batch_id", Text),
    Column("schedule_id", Text),
    Column("depends_on", Text, nullable=False, server_default="[]"),
    Column("waiting_on", Text, nullable=False, server_default="[]"),
    Column("stalled", Boolean, nullable=False, server_default=false()),
    Column("on_parent_failure", Text, nullable=False, server_default="cancel"),
    Column("heard_at", BigInteger),
    Column("usual_silence", Float, nullable=False, server_default="0"),
    Column("size", Text, nullable=False, server_default=""),
    Column("worked_seconds", Float, server_default="0"),
    Column("working_since", BigInteger),
    Column("rank", BigInteger, nullable=False, server_default="0"),  # no field: `Task.urgency` in microseconds
)

Index("ix_tasks_created", tasks.c.created_at, tasks.c.id)
Index("ix_tasks_status", tasks.c.status, tasks.c.created_at, tasks.c.id)
Index("ix_tasks_owner", tasks.c.owner, tasks.c.created_at, tasks.c.id)
Index("ix_tasks_type", tasks.c.type, tasks.c.created_at, tasks.c.id)

_WAITING = text("status = 'pending'")
Index(
    "ix_tasks_queue",
    tasks.c.status,  # always the same here, but without it SQLite prefers to sort what ix_tasks_status finds
    tasks.c.rank,
    tasks.c.id,
    tasks.c.due_at,  # these two, so that who is not due is passed over without a look at its row
    tasks.c.waiting_on,
    sqlite_where=_WAITING,
    postgresql_where=_WAITING,
)

# The course of earlier tasks: all that `estimate.Run` is made of, the latest of a type in one stretch.
_MEASURED = text("status = 'completed' AND worked_seconds IS NOT NULL")
Index(
    "ix_tasks_course",
    tasks.c.type,
    tasks.c.status,  # always the same here, but without it SQLite looks at each row
    tasks.c.completed_at,
    tasks.c.size,
    tasks.c.worked_seconds,
    sqlite_where=_MEASURED,
    postgresql_where=_MEASURED,
)

_IN_A_BATCH = text("batch_id IS NOT NULL")
Index(
    "ix_tasks_batch",
    tasks.c.batch_id,
    tasks.c.created_at,
    tasks.c.id,
    sqlite_where=_IN_A_BATCH,
    postgresql_where=_IN_A_BATCH,
)

_SCHEDULED = text("schedule_id IS NOT NULL")
Index(
    "ix_tasks_schedule",
    tasks.c.schedule_id,
    tasks.c.created_at,
    tasks.c.id,
    sqlite_where=_SCHEDULED,
    postgresql_where=_SCHEDULED,
)

# `tasks.tags` is what is read; this is its index, to find tasks by tag. Written by `tasks.index_tags` alone.
task_tags = Table(
    "task_tags",
    metadata,
    Column("tag", Text, primary_key=True),
    Column("task_id", Text, ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    sqlite_with_rowid=False,
)
Index("ix_task_tags_task", task_tags.c.task_id)

# Clustered by task, as it is read. No foreign key: an append has just updated the task's row in the same
# transaction, and the check doubles the cost of a row (5.0 µs against 2.5).
events = Table(
    "events",
    metadata,
    Column("task_id", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("type", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
# Finds the latest event of a type at once, however many others came since; costs 0.7 µs per row.
Index("ix_events_type", events.c.task_id, events.c.type, events.c.seq)

requests = Table(
    "idempotency_keys",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("body_hash", Text, nullable=False),
    Column("task_id", Text, ForeignKey("tasks.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Index("ix_idempotency_keys_task", requests.c.task_id)
Index("ix_idempotency_keys_created", requests.c.created_at)

# What a device calls a task that it runs itself, and what it said of it.
device_tasks = Table(
    "device_tasks",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("device", Text, primary_key=True),
    Column("client_id", BigInteger, primary_key=True),
    Column("task_id", Text, ForeignKey("tasks.id", ondelete="CASCADE"), nullable=False),
    Column("mode", Text, nullable=False),
    Column("start_ms", BigInteger, nullable=False),
    Column("server_task_id", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Index("ix_device_tasks_task", device_tasks.c.task_id, unique=True)
Index("ix_device_tasks_created", device_tasks.c.created_at)

batches = Table(
    "batches",
    metadata,
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("size", Integer, nullable=False),
)

# `tasks.depends_on` the other way round, while the child waits for any of its parents: then its rows go.
# No foreign keys: what waits cannot be deleted, nor can what it depends on.
dependencies = Table(
    "task_dependencies",
    metadata,
    Column("parent_id", Text, primary_key=True),
    Column("child_id", Text, primary_key=True),
    sqlite_with_rowid=False,
)
Index("ix_task_dependencies_child", dependencies.c.child_id)

schedules = Table(
    "schedules",
    metadata,
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("cron", Text),
    Column("every_seconds", Integer),
    Column("timezone", Text, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("missed_runs", Text, nullable=False),
    Column("overlap", Text, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("next_run_at", BigInteger),
    Column("last_run_at", BigInteger),
    Column("last_task_id", Text),
    Column("skipped_runs", Integer, nullable=False),
    Column("last_error", Text),
    Column("revision", Integer, nullable=False),
)
Index("ix_schedules_next_run", schedules.c.next_run_at)
Index("ix_schedules_created", schedules.c.created_at, schedules.c.id)

rules = Table(
    "rules",
    metadata,
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("condition", Text, nullable=False),
    Column("match", Text, nullable=False),
    Column("actions", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("everyone", Boolean, nullable=False),
    Column("secret", Text, nullable=False),
    Column("cooldown_seconds", Float, nullable=False),
    Column("fired", Integer, nullable=False),
    Column("last_fired_at", BigInteger),
    Column("revision", Integer, nullable=False),
    Column("watched_at", BigInteger, nullable=False),  # no field: see `RuleTransaction.watched`
)
Index("ix_rules_created", rules.c.created_at, rules.c.id)

# How far each rule has looked at each task that has not ended, and what it remembers of it.
rule_marks = Table(
    "rule_marks",
    metadata,
    Column("task_id", Text, ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("rule_id", Text, ForeignKey("rules.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("memory", Text, nullable=False),
    sqlite_with_rowid=False,
)
Index("ix_rule_marks_rule", rule_marks.c.rule_id)

# The key is what makes a rule fire once for an event, whoever finds it and how often.
rule_firings = Table(
    "rule_firings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("rule_id", Text, ForeignKey("rules.id", ondelete="CASCADE"), nullable=False),
    Column("task_id", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("outcome", Text, nullable=False),
)
Index("ix_rule_firings_event", rule_firings.c.rule_id, rule_firings.c.task_id, rule_firings.c.seq, unique=True)
Index("ix_rule_firings_rule", rule_firings.c.rule_id, rule_firings.c.id)

rule_deliveries = Table(
    "rule_deliveries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("rule_id", Text, ForeignKey("rules.id", ondelete="CASCADE"), nullable=False),
    Column("task_id", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("due_at", BigInteger),
    Column("body", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("tried_at", BigInteger),
    Column("error", Text),
)
_TO_BE_TRIED = text("due_at IS NOT NULL")
Index("ix_rule_deliveries_due", rule_deliveries.c.due_at, sqlite_where=_TO_BE_TRIED, postgresql_where=_TO_BE_TRIED)
Index("ix_rule_deliveries_rule", rule_deliveries.c.rule_id, rule_deliveries.c.created_at, rule_deliveries.c.id)

# What a transaction has left to be done, because all of it at once would hold up everybody else's.
continuations = Table(
    "continuations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("other", Text, nullable=False),
    Column("after", Text, nullable=False),
)

# What one process announces for those who listen at others; only the last ones stay.
parcels = Table(
    "announcements",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("origin", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("owner", Text),
    Column("throttle", Boolean, nullable=False),
    Column("count", Integer, nullable=False),
    Column("items", Text, nullable=False),
)

# One row: the journal itself.
journal = Table(
    "journal",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("epoch", Text, nullable=False),
)

# One row per process that has the journal open, or has died with it open. See `epoch`.
openings = Table(
    "openings",
    metadata,
    Column("id", Text, primary_key=True),
    Column("boot_id", Text),
    Column("process", Text, nullable=False),
    Column("synchronous", Text, nullable=False),
)
