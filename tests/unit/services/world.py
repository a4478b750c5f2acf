"""The services on a store in memory and a bus that keeps its bells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from api.domain.permission import LOCAL
from api.domain.retry import RetryPolicy
from api.domain.workload import Workload
from api.services.control import Controller
from api.services.emit import Emitter
from api.services.grant import Grants
from api.services.publish import Publisher
from api.services.query import Queries
from api.services.report import ExternalReports
from api.services.submit import Submission, Submitter
from api.store.memory import MemoryStore


class KeptBells(list):
    """A bus."""

    def ring(self, bell):
        self.append(bell)

    def listen(self, listener):
        raise AssertionError("nobody listens here")


class World:
    def __init__(self, store=None):
        self.now = datetime(2026, 1, 2, tzinfo=UTC)
        self.store = store or MemoryStore()
        self.bells = KeptBells()
        self.publisher = Publisher(self.store, self.bells, self.clock)
        self.woken = 0
        workloads = {
            "x": Workload("x", "X", dict, lambda params, ctx: None),
            "away": Workload("away", "Away", dict, lambda params, ctx: None, external=True),
        }
        self.checkpoints: set[str] = set()
        self.reports = ExternalReports(self.store, self.publisher, workloads)
        self.submitter = Submitter(
            self.store,
            self.publisher,
            self.clock,
            workloads,
            lambda workload, params, owner, later=(): dict(params),
            self.wake,
            self.copied,
        )
        self.controller = Controller(self.store, self.publisher, self.wake)
        self.grants = Grants(self.store, self.publisher, self.clock, "worker-1", RetryPolicy(first_seconds=60))
        self.emitter = Emitter(self.store, self.publisher)
        self.queries = Queries(self.store, self.clock)

    def clock(self):
        self.now += timedelta(seconds=1)
        return self.now

    def copied(self, task_id, to_task_id):
        return task_id in self.checkpoints

    def wake(self):
        self.woken += 1

    def submit(self, key=None, kind="x", **options):
        return self.submitter.submit(LOCAL, Submission(kind, **options), idempotency_key=key)[0]

    def take(self):
        """The grant of the next task, if one is due."""
        grants, _ = self.grants.take(1)
        return grants[0] if grants else None

    def task(self, task_id):
        return self.queries.view(LOCAL, task_id).task

    def events(self, task_id):
        return self.store.read(lambda tx: tx.events(task_id, 0, limit=1000))
