"""Counters that Prometheus can read. Whatever is caught and survived is counted here."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

FAILURES = Counter("runcast_failures_total", "Exceptions that were caught and survived, by place.", ["where"])
EVENTS = Counter("runcast_events_total", "Events committed to the journal, by type.", ["event_type"])
COMMITS = Histogram(
    "runcast_commit_seconds",
    "Time of one group commit.",
    buckets=(0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.2, 1, 5),
)
TRIMMED = Counter("runcast_trimmed_events_total", "Events removed from the journal by the retention of history.")
STALE_REPORTS = Counter("runcast_stale_reports_total", "Reports refused because the lease was not the task's.")
RUNNING = Gauge("runcast_running_tasks", "Attempts that run in this process now.")
WAITING_WORKERS = Gauge("runcast_waiting_workers", "Worker processes that wait for a task.")
SUBSCRIPTIONS = Gauge("runcast_subscriptions", "Subscribers of one task, in this process.")
BEHIND = Counter("runcast_fell_behind_total", "Live subscribers that had no room and went on from the journal.")
SKIPPED = Counter("runcast_skipped_progress_total", "Superseded progress events left out for readers far behind.")
WEBSOCKETS = Gauge("runcast_websockets", "Plain WebSockets that are open, in this process.")
STREAMS = Gauge("runcast_streams", "Server-Sent Event streams that are open, in this process.")
ABANDONED = Counter("runcast_abandoned_connections_total", "Connections closed because their reader took nothing.")
RULE_FIRINGS = Counter("runcast_rule_firings_total", "Times that an alert rule has fired.")
WEBHOOKS = Counter("runcast_webhook_calls_total", "Calls of webhooks, by how they went.", ["outcome"])
HUB_GAP = Histogram(
    "runcast_hub_gap_seconds",
    "How much longer than asked a thread of the hub slept: the time that something else held the hub.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2),
)
HUB_GAP_MAX = Gauge("runcast_hub_gap_max_seconds", "The largest such gap since the start of the process.")


class Peak:
    """The largest of what was noted since it was last asked for."""

    def __init__(self) -> None:
        self._largest = 0.0

    def note(self, value: float) -> None:
        self._largest = max(self._largest, value)

    def taken(self) -> float:
        largest, self._largest = self._largest, 0.0
        return largest


RECENT_GAP = Peak()
"""As `HUB_GAP_MAX`, since it was last asked for."""


def value(metric: Counter | Gauge) -> float:
    """What it stands at, all its labels together."""
    return sum(sample.value for family in metric.collect() for sample in family.samples if _counts(sample.name))


def slower_than(metric: Histogram, seconds: float) -> int:
    """How many observations were above `seconds`, one of its bounds."""
    samples = [sample for family in metric.collect() for sample in family.samples]
    every = sum(sample.value for sample in samples if sample.name.endswith("_count"))
    below = sum(sample.value for sample in samples if sample.labels.get("le") == f"{seconds:.1f}")
    return int(every - below)


def _counts(name: str) -> bool:
    return not name.endswith("_created")


def failure(where: str) -> None:
    """Count one survived exception at `where` (a short fixed name, never text from outside)."""
    FAILURES.labels(where).inc()
