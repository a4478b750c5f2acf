"""The boundaries of the core: small protocols, each with a real and an in-memory implementation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, TypeVar

from api.domain.announcement import Announcement, Parcel
from api.domain.batch import Batch, BatchState
from api.domain.dependency import Continuation, Follow
from api.domain.device_task import DeviceTask
from api.domain.estimate import Run
from api.domain.event import Draft, Event, EventType
from api.domain.lifecycle import Status
from api.domain.rule import Delivery, Firing, Mark, Rule
from api.domain.schedule import Schedule
from api.domain.task import Task

T = TypeVar("T")


# -- store ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks to list. Every field that is set must match; `text` looks into name, params and id prefix."""

    status: Status | None = None
    type: str | None = None
    tag: str | None = None
    owner: str | None = None
    batch_id: str | None = None
    schedule_id: str | None = None
    text: str | None = None
    visible_to: str | None = None
    """Only tasks of this owner, whatever else is asked for: the permission, not a wish."""


@dataclass(frozen=True, slots=True)
class TaskPage:
    """Tasks newest first. `next_cursor` is opaque: None at the end. `total` counts all that match."""

    tasks: tuple[Task, ...]
    total: int
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class SchedulePage:
    """The same for schedules."""

    schedules: tuple[Schedule, ...]
    total: int
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class RulePage:
    """The same for rules."""

    rules: tuple[Rule, ...]
    total: int
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """What an Idempotency-Key of an owner stands for: the hash of the body and the task it made."""

    body_hash: str
    task_id: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """The part of a task's history that is stored whole: the events after `trimmed_seq` up to `last_seq`."""

    task_id: str
    created_at: datetime
    trimmed_seq: int
    last_seq: int


@dataclass(frozen=True, slots=True)
class Pending:
    """What of a pending task says when it may start and how long it will take. The fields are the task's."""

    task_id: str
    type: str
    owner: str
    size: str
    worked_seconds: float | None
    due_at: datetime | None
    waiting_on: tuple[str, ...]


class BatchTransaction(Protocol):
    """The part of a transaction that is about tasks together: batches, dependencies, what is left to be done."""

    def batch(self, batch_id: str) -> BatchState | None: ...
    def batch_task_ids(self, batch_id: str) -> list[str]:
        """In the order of the submission."""

    def batch_tasks(self, batch_id: str, *, after: str, limit: int) -> list[Task]:
        """Those with an id > `after`, by id, `limit` at most."""

    def dependants(self, task_id: str, *, after: str = "", limit: int) -> list[str]:
        """Ids > `after`, in order, of the waiting tasks that depend on this one, whether or not it has ended."""

    def continuations(self, kinds: Sequence[Follow], *, limit: int) -> list[Continuation]:
        """What is left to be done of these kinds, what has waited longest first."""

    def add_tasks(self, new: Sequence[Task], first: Sequence[Event]) -> None:
        """Write new tasks as their first event leaves them, that event, and whom each waits for."""

    def add_batch(self, batch: Batch) -> None: ...
    def depend(self, task: Task, parent_id: str) -> None:
        """Note that `task`, which waits, depends on one more."""

    def drop_dependencies(self, task_id: str) -> None:
        """It waits no longer, for whatever reason."""

    def defer(self, continuation: Continuation) -> None: ...
    def advance(self, continuation: Continuation, after: str) -> None: ...
    def done(self, continuation: Continuation) -> None: ...


class ScheduleTransaction(Protocol):
    """The part of a transaction that is about schedules."""

    def schedule(self, schedule_id: str) -> Schedule | None: ...
    def schedules(self, *, visible_to: str | None, limit: int, cursor: str | None = None) -> SchedulePage:
        """A page, newest first; `InvalidInput` for a cursor that is none."""

    def due_schedules(self, now: datetime, *, limit: int) -> list[Schedule]:
        """Those whose next run is not later than `now`, what has been due longest first."""

    def next_schedule_at(self) -> datetime | None:
        """The next run of all schedules."""

    def add_schedule(self, schedule: Schedule) -> None: ...
    def save_schedule(self, schedule: Schedule) -> bool:
        """Write it as the revision after the stored one; False when that is not what is stored."""

    def delete_schedule(self, schedule_id: str) -> None: ...


class ParcelTransaction(Protocol):
    """The part of a transaction that is about announcements between processes."""

    def add_parcels(self, origin: str, parcels: Sequence[Parcel], *, keep: int) -> None:
        """Those of one process; of all that were ever added the last `keep` stay."""

    def parcels(self, *, after: int, without: str, limit: int) -> list[tuple[int, Parcel]]:
        """What was added after number `after` by others than the origin `without`, in order, with its number."""

    def last_parcel(self) -> int:
        """The number of the latest; 0 when there is none."""


class DeviceTransaction(Protocol):
    """The part of a transaction that is about what devices call the tasks that they run themselves."""

    def device_task(self, owner: str, device: str, client_id: int) -> DeviceTask | None: ...
    def device_tasks(self, task_ids: Sequence[str]) -> dict[str, DeviceTask]:
        """Of those of these tasks that a device runs, by task."""

    def save_device_task(self, entry: DeviceTask, at: datetime) -> None:
        """In place of the task that the device called so before. It goes with its task."""

    def forget_device_tasks(self, before: datetime, *, limit: int) -> int:
        """Remove those whose task had ended before then, `limit` at most; how many went."""


class RuleTransaction(Protocol):
    """The part of a transaction that is about alert rules: how far they have looked, and what they have done."""

    def rule(self, rule_id: str) -> Rule | None: ...
    def rules(self, *, visible_to: str | None, limit: int, cursor: str | None = None) -> RulePage:
        """A page, newest first; `InvalidInput` for a cursor that is none."""

    def count_rules(self, owner: str) -> int: ...
    def enabled_rules(self) -> list[Rule]: ...
    def rules_watched_at(self) -> datetime | None:
        """The earliest of the times up to which each enabled rule has seen the new tasks; None without rules."""

    def add_rule(self, rule: Rule) -> None: ...
    def save_rule(self, rule: Rule) -> bool:
        """Write it as the revision after the stored one; False when that is not what is stored. What the
        watch counts of it (`fired`, `last_fired_at`) stays."""

    def delete_rule(self, rule_id: str) -> None:
        """With its marks, firings and deliveries."""

    def watched(self, at: datetime) -> None:
        """All tasks that were created before then have been looked at by every enabled rule."""

    def marks(self, task_id: str) -> list[Mark]: ...
    def begin_marks(self, rule: Rule) -> None:
        """Drop its marks; if it is enabled, mark every task that has not ended, and that it fits, at its last seq."""

    def save_marks(self, marks: Sequence[Mark]) -> None:
        """Those of tasks and rules that there are."""

    def drop_marks(self, task_id: str) -> None: ...
    def behind_marks(self, *, limit: int) -> list[str]:
        """Tasks with more events than a mark of theirs."""

    def created_since(self, at: datetime) -> list[tuple[str, datetime]]:
        """The ids of the tasks that were created then or later, oldest first, and when."""

    def add_firing(self, firing: Firing) -> bool:
        """Write it and count it in its rule; False where that event has fired that rule already."""

    def note_outcome(self, firing: Firing) -> None:
        """Write the outcome of one that is stored."""

    def firings(self, rule_id: str, *, limit: int) -> list[Firing]:
        """The latest first."""

    def trim_firings(self, rule_id: str, *, keep: int, before: datetime) -> None:
        """Remove those from before then that are not among its latest `keep`."""

    def add_delivery(self, delivery: Delivery) -> None: ...
    def save_delivery(self, delivery: Delivery) -> None:
        """Nothing, where it is gone."""

    def due_deliveries(self, now: datetime, *, without_rules: Sequence[str] = (), limit: int) -> list[Delivery]:
        """Those whose next try is not later than `now`, what has been due longest first."""

    def next_delivery_at(self) -> datetime | None: ...
    def count_pending(self, rule_id: str) -> int:
        """Deliveries of it that are still tried."""

    def deliveries(self, rule_id: str, *, limit: int) -> list[Delivery]:
        """The latest first, without their bodies."""

    def trim_deliveries(self, rule_id: str, *, keep: int) -> None:
        """Remove those that are over and not among its latest `keep`."""


class Transaction(
    BatchTransaction, ScheduleTransaction, ParcelTransaction, DeviceTransaction, RuleTransaction, Protocol
):
    """What may be done inside one read or write. Write methods raise inside a read."""

    def task(self, task_id: str) -> Task | None: ...
    def tasks(self, where: TaskFilter, *, limit: int, cursor: str | None = None) -> TaskPage:
        """A page; `InvalidInput` for a cursor that is none."""

    def count(self, status: Status) -> int: ...
    def next_pending(
        self, at: datetime, *, without_types: Sequence[str] = (), without_owners: Sequence[str] = ()
    ) -> Task | None:
        """The most urgent task that is due, of those whose type and owner may have one more."""

    def next_due(self, at: datetime) -> datetime | None:
        """When the next pending task becomes due; None when there is none after `at`."""

    def queue_position(self, task: Task, at: datetime) -> int | None:
        """1 = next in line; None unless it is due."""

    def pending(self, *, limit: int) -> list[Pending]:
        """The most urgent ones, in the order of the queue, whether or not they are due."""

    def held(self) -> list[Task]:
        """Every task that holds a worker, oldest first."""

    def runs(self, type_: str, *, limit: int) -> list[Run]:
        """The completed tasks of this type of which is known how long they worked, the latest first."""

    def with_status(self, statuses: Sequence[Status]) -> list[Task]:
        """Every task in one of these states, oldest first."""

    def events(self, task_id: str, after: int, *, limit: int, types: Sequence[EventType] | None = None) -> list[Event]:
        """Events with seq > `after` in order, `limit` at most. Up to the task's `trimmed_seq` there are holes."""

    def envelopes(self, task_id: str, after: int, *, limit: int, types: Sequence[EventType] | None = None) -> list[str]:
        """The same as the JSON text of their envelopes: a fifth of the work where they are only passed on."""

    def latest_event(self, task_id: str, types: Sequence[EventType], *, upto: int) -> Event | None:
        """The last event of one of these types with seq <= `upto`."""

    def count_events(self, task_id: str, type_: EventType, *, after: int, upto: int) -> int:
        """How many events of this type have a seq > `after` and <= `upto`."""

    def last_seqs(self, task_ids: Sequence[str]) -> dict[str, int]:
        """The last seq of each of these tasks that exists: what a sweep compares with."""

    def epoch(self) -> str:
        """The random id of this journal."""

    def idempotent(self, owner: str, key: str) -> IdempotentRequest | None: ...

    def stretches(
        self, *, longer_than: int, created_before: datetime | None = None, after: Stretch | None = None, limit: int
    ) -> list[Stretch]:
        """Tasks with more than `longer_than` events that are not trimmed, oldest first; `after` is the last
        one of the page before."""

    def expired(self, task_id: str, before: datetime, *, limit: int) -> int | None:
        """The last seq of the events older than `before` that the untrimmed history begins with: the next
        `limit` are looked at. None when there is none. An event that is younger shields those after it."""

    def touch(self) -> None:
        """Write something and take it away again: fails where the next commit would."""

    def add_task(self, task: Task) -> None: ...
    def save_task(self, task: Task) -> None:
        """Write every field of an existing task but `trimmed_seq`."""

    def append(self, task: Task, events: Sequence[Event]) -> None:
        """Write journal rows and the task as they leave it; the seqs continue the task's stored last_seq,
        else `Conflict`: somebody else was faster."""

    def delete_task(self, task_id: str) -> None:
        """The task with its events and idempotency keys."""

    def trim(self, task_id: str, upto: int) -> int:
        """Remove the events with seq <= `upto` but the latest `status_change`, `error` and `progress` of the
        task, and note it in `trimmed_seq`; how many went. Nothing else of the task changes. Trimming less
        than was trimmed before, or a task that is gone, does nothing."""

    def forget_requests(self, before: datetime, *, limit: int) -> int:
        """Remove the idempotency keys that were remembered before then, `limit` at most; how many went."""

    def remember(self, owner: str, key: str, request: IdempotentRequest, at: datetime) -> None: ...


class Store(Protocol):
    """Tasks and their journal. One `write` is one transaction: all of it or nothing, then it is durable."""

    def write(self, work: Callable[[Transaction], T], *, queued: Callable[[], None] | None = None) -> T:
        """Run `work`, commit, return what it returned. Its exception rolls back and is raised here.

        `queued` is called, by the caller's thread, once any other write can only come after this one.

        `work` may run more than once (a group that failed is retried one by one) and in another thread:
        it must have no other effect. Callable from any thread; a caller on the hub waits without blocking it.
        `Unavailable` when the database cannot be written.
        """

    def read(self, query: Callable[[Transaction], T]) -> T:
        """Run `query` on a consistent snapshot; same rules, no writes. `Unavailable` as above."""

    def close(self) -> None: ...


# -- bus -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Doorbell:
    """There is more in the journal of a task. `events` are the news themselves where they are at hand."""

    task_id: str
    last_seq: int
    events: tuple[Event, ...] = ()
    owner: str = ""
    """Whose task it is, where the events are at hand."""


class Bus(Protocol):
    """Says "there is more". What it loses is read from the journal."""

    def ring(self, bell: Doorbell) -> None:
        """From any thread; never blocks, never raises."""

    def listen(self, listener: Callable[[Doorbell], None]) -> None:
        """`listener` is called on the hub's thread, in the order of each task's commits."""


class Announcer(Protocol):
    """Tells those who listen to topics."""

    def announce(self, announcement: Announcement) -> None:
        """From any thread, after the commit of what it tells; never blocks, never raises."""


# -- execution -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Assignment:
    """One grant of a task to a worker: all that a child process needs to know."""

    task_id: str
    lease_id: str
    type: str
    params: Mapping[str, Any]
    attempt: int
    artifact_dir: Path
    """Absolute; no other lease has the same. The child makes it, and takes it away if nothing is in it at the end."""
    result_dir: str
    """Where it will stand at the end, relative to the data folder."""
    checkpoint_file: Path
    """Absolute; read at the start if it exists, replaced by `ctx.save`."""
    input_dirs: tuple[Path, ...] = ()
    definition: Mapping[str, Any] | None = None
    """What the child makes the workload from where there is no entry point for its type."""
    timeout_seconds: float | None = None
    memory_bytes: int | None = None
    """What each process of it may allocate, beside what the worker holds before the task begins."""
    open_files: int | None = None
    """Descriptors that each process of it may have open."""
    output_bytes: int | None = None
    """Of its log that is kept; what comes after is counted and left out."""
    shared_dir: Path | None = None
    """Absolute, made when it is first asked for: of all tasks of this type and owner."""


class Ending(StrEnum):
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    """The runner itself was stopped: the attempt does not count."""
    PAUSED = "paused"
    """It has left its worker and goes on from its checkpoint when it is resumed, in the same attempt."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended. `error` is one sentence for people, `traceback` the rest."""

    ending: Ending
    result: Mapping[str, Any] | None = None
    error: str = ""
    traceback: str | None = None
    files: bool = True
    """Whether there may be something in the artefact folder."""
    saved: bool = True
    """Whether there may be a checkpoint."""
    died: bool = False
    """The worker process ended, or had to be ended, without a word about why."""


class Reporter(Protocol):
    """Where a runner sends what a task says."""

    def report(self, drafts: Sequence[Draft]) -> None:
        """Commit these events in order. `StaleLease`: stop the work. `Unavailable`: try again later."""

    def took_effect(self, command: str) -> None:
        """The child says that it is `paused` or `running` again."""

    def announce(self, announcement: Announcement) -> None:
        """See `Announcer`."""


@dataclass(slots=True)
class Control:
    """The latest command for a running attempt, written by the core, read by the runner."""

    notify: Callable[[str], None] = field(default=lambda command: None)
    """Set by the runner when it is ready to hear commands."""
    asked: list[str] = field(default_factory=list)

    def send(self, command: str) -> None:
        """`pause`, `resume`, `cancel`, `shutdown`, or `stacks` to log where it stands; from any thread of the hub."""
        self.asked.append(command)
        self.notify(command)


class Runner(Protocol):
    """Runs attempts, each in a process of its own."""

    def run(self, assignment: Assignment, reporter: Reporter, control: Control) -> Outcome:
        """Blocks the calling background thread (never the hub) until the attempt has ended and
        nothing of its process group is left. Does not raise for anything that the child does."""

    def tend(self) -> None:
        """Now and then, from the dispatcher's thread: start workers ahead, let those go that nobody needs."""

    def close(self) -> None: ...


class Clock(Protocol):
    def __call__(self) -> datetime: ...
