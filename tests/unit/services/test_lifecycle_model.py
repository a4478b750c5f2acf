"""The life of tasks through random commands, reports, ends, late words and crashes, on both stores.

Whatever comes in whatever order: the journal shows no step that the lifecycle's table does not have, what has ended
stays as it ended, and no word of a lease that is over gets in.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from api import metrics
from api.domain.event import Draft, EventType
from api.domain.lifecycle import Command, Status, leads_to
from api.domain.permission import LOCAL
from api.errors import Conflict, StaleLease
from api.ports import Ending, Outcome, Store
from api.runtime.threads import ThreadRuntime
from api.services.grant import Grant
from api.store.memory import MemoryStore
from api.store.sql import SqlStore
from tests.support.stores import sqlite_url
from tests.unit.services.world import World

EXAMPLES = int(os.environ.get("LIFECYCLE_EXAMPLES", "120"))
STEPS = 40
COMMANDS = [Command.PAUSE, Command.RESUME, Command.CANCEL]
REPORTS = {
    "progress": Draft(EventType.PROGRESS, {"attempt": 1, "current_iteration": 1, "max_iterations": 2,
                                           "progress_percent": 50.0}),
    "iteration": Draft(EventType.ITERATION_COMPLETE, {"attempt": 1, "iteration": 1, "metrics": {"loss": 0.5}}),
    "log": Draft(EventType.LOG, {"level": "info", "message": "a line"}),
}  # fmt: skip
_runtime = ThreadRuntime()


@dataclass
class Worker:
    """Who was given a task, and may not know that it was taken away again."""

    grant: Grant
    over: bool = False


class Lives(RuleBasedStateMachine):
    def new_store(self) -> Store:
        return MemoryStore()

    @initialize()
    def begin(self) -> None:
        self.world = World(self.new_store())
        self.tasks: list[str] = []
        self.workers: list[Worker] = []
        self.seen: dict[str, list[Any]] = {}

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.store.close()

    def events(self) -> dict[str, int]:
        return {task_id: len(self.world.events(task_id)) for task_id in self.tasks}

    def holds(self, worker: Worker) -> bool:
        return not worker.over and self.world.task(worker.grant.task.id).lease_id == worker.grant.lease_id

    def fenced(self, worker: Worker, act: Any) -> Any:
        """What one who holds its task is answered; one who does not is refused, and nothing has happened."""
        holds, before = self.holds(worker), self.events()
        try:
            done = act()
        except StaleLease:
            assert not holds
            assert before == self.events()
            raise
        assert holds
        return done

    # -- what people do

    @precondition(lambda self: len(self.tasks) < 6)
    @rule(attempts=st.integers(1, 3), priority=st.integers(-2, 2))
    def submit(self, attempts: int, priority: int) -> None:
        self.tasks.append(self.world.submit(max_attempts=attempts, priority=priority).id)

    @precondition(lambda self: self.tasks)
    @rule(data=st.data(), command=st.sampled_from(COMMANDS))
    def command(self, data: Any, command: Command) -> None:
        task_id = data.draw(st.sampled_from(self.tasks))
        before = self.world.task(task_id)
        try:
            after = self.world.controller.control(LOCAL, task_id, command)
        except Conflict:
            assert before == self.world.task(task_id)
            return
        assert before.status is after.status or leads_to(before.status, after.status)

    @precondition(lambda self: self.tasks and len(self.tasks) < 8)
    @rule(data=st.data())
    def retry(self, data: Any) -> None:
        old = self.world.task(data.draw(st.sampled_from(self.tasks)))
        try:
            new = self.world.submitter.retry(LOCAL, old.id)
        except Conflict:
            assert not old.terminal
            return
        assert (old.terminal, Status.PENDING, old.id) == (True, new.status, new.retry_of)
        self.tasks.append(new.id)

    @rule(minutes=st.integers(1, 30))
    def time_passes(self, minutes: int) -> None:
        self.world.now += timedelta(minutes=minutes)

    # -- what workers do

    @rule()
    def take(self) -> None:
        self.granted(self.world.take())

    def granted(self, grant: Grant | None) -> None:
        if grant is not None:
            assert not any(self.holds(worker) for worker in self.workers if worker.grant.task.id == grant.task.id)
            self.workers.append(Worker(grant))

    @precondition(lambda self: self.workers)
    @rule(data=st.data(), kinds=st.lists(st.sampled_from(sorted(REPORTS)), min_size=1, max_size=3))
    def report(self, data: Any, kinds: list[str]) -> None:
        worker = data.draw(st.sampled_from(self.workers))
        task_id, lease_id = worker.grant.task.id, worker.grant.lease_id
        drafts = [REPORTS[kind] for kind in kinds]
        counted = metrics.STALE_REPORTS._value.get()
        try:
            self.fenced(worker, lambda: self.world.publisher.publish(task_id, drafts, lease_id=lease_id))
        except StaleLease:
            assert counted + 1 == metrics.STALE_REPORTS._value.get()

    @precondition(lambda self: self.workers)
    @rule(data=st.data(), effect=st.sampled_from(["paused", "running"]))
    def take_effect(self, data: Any, effect: str) -> None:
        worker = data.draw(st.sampled_from(self.workers))
        try:
            self.fenced(worker, lambda: self.world.grants.took_effect(worker.grant, effect))
        except StaleLease:
            return

    @precondition(lambda self: self.workers)
    @rule(data=st.data(), ending=st.sampled_from(list(Ending)), goes_on=st.booleans())
    def end(self, data: Any, ending: Ending, goes_on: bool) -> None:
        worker = data.draw(st.sampled_from(self.workers))
        outcome = Outcome(ending, result={"answer": 42}, error="no luck")
        try:
            grant = self.fenced(worker, lambda: self.world.grants.finish(worker.grant, outcome, None, followed=goes_on))
        except StaleLease:
            return
        worker.over = True
        self.granted(grant)

    @rule()
    def crash(self) -> None:
        """The server is killed: who worked for it may go on speaking, and is not heard."""
        self.world.grants.recover()
        assert not any(map(self.holds, self.workers))

    # -- what holds at any time

    @invariant()
    def every_journal_is_a_life(self) -> None:
        for task_id in getattr(self, "tasks", ()):
            task, events = self.world.task(task_id), self.world.events(task_id)
            assert list(range(1, len(events) + 1)) == [event.seq for event in events]
            assert len(events) == task.last_seq
            status = Status.PENDING
            for event in events:
                assert not status.terminal, "something came after the end"
                if "status" in event.data:
                    new = Status(event.data["status"])
                    assert new is status or leads_to(status, new), f"{status} → {new}"
                    status = new
            assert status is task.status
            known = self.seen.setdefault(task_id, [])
            assert events[: len(known)] == known, "history was rewritten"
            self.seen[task_id] = list(events)

    @invariant()
    def nobody_is_lost_and_nobody_held_twice(self) -> None:
        holders = [worker.grant.task.id for worker in getattr(self, "workers", ()) if self.holds(worker)]
        assert len(holders) == len(set(holders))
        for task_id in getattr(self, "tasks", ()):
            task = self.world.task(task_id)
            assert (task.lease_id is not None) == (task_id in holders)
            if task.status is Status.RUNNING:
                assert task_id in holders, "it would run for ever"
            if task.terminal or task.status is Status.PENDING:
                assert task_id not in holders


class StoredLives(Lives):
    def new_store(self) -> Store:
        self.folder = tempfile.TemporaryDirectory()
        return SqlStore(sqlite_url(Path(self.folder.name)), _runtime)

    def teardown(self) -> None:
        super().teardown()
        if hasattr(self, "folder"):
            self.folder.cleanup()


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None)
TestStoredLives = StoredLives.TestCase
TestStoredLives.settings = settings(max_examples=max(10, EXAMPLES // 8), stateful_step_count=STEPS, deadline=None)
