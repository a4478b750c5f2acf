"""`/ws/training/<id>` and `/ws/training/all`: trainings, and their control."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from api import metrics
from api.delivery.dialects import training as dialect
from api.delivery.dialects.course import Course, beginning, epoch_done, present
from api.delivery.everything import Bystander, Everything
from api.delivery.websocket.connection import Connection, Delivery
from api.delivery.websocket.member import TaskMember
from api.delivery.websocket.replay import Replay
from api.domain.event import Event, EventType
from api.domain.lifecycle import Command
from api.domain.permission import Principal, Role
from api.domain.task import Task
from api.errors import Conflict, InvalidInput, NotFound, RuncastError
from api.log import get_logger
from api.ports import TaskFilter
from api.services.query import History, Queries

_log = get_logger(__name__)
HEARTBEAT_SECONDS = 30.0
JOBS = 200
"""The newest jobs that a connection to all of them is told of."""
PAGE = 1000
_COMMANDS = {"pause": Command.PAUSE, "resume": Command.RESUME, "stop": Command.CANCEL}


class TrainingConnection(Connection):
    """What one job and all of them have in common."""

    def __init__(self, parts: Delivery, principal: Principal) -> None:
        super().__init__(parts)
        self.principal = principal

    def begin(self) -> None:
        self.parts.runtime.spawn(self._beat)

    def watch(self, task: Task, course: Course, after: int) -> None:
        read, ended = partial(self._read, task.id), partial(self.unfollow_soon, task.id)
        self.follow(TaskMember(self, course, dialect.news, read, ended), after)

    def _read(self, task_id: str) -> Task | None:
        try:
            return self.parts.queries.present(self.principal, task_id).task
        except NotFound:
            return None

    def _beat(self) -> None:
        while True:
            self.parts.runtime.sleep(HEARTBEAT_SECONDS)
            if not self.here:
                return
            self.send(dialect.heartbeat(self.parts.clock()))

    def answer(self, message: Any, text: str) -> None:
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "heartbeat":
            self.send(dialect.heartbeat(self.parts.clock()))
        elif kind == "control":
            self._control(message)
        else:
            self.refuse("a message is a JSON object of the type `control` or `heartbeat`")

    def _control(self, message: dict[str, Any]) -> None:
        job_id, action = message.get("job_id"), message.get("action")
        if not isinstance(action, str) or action not in _COMMANDS:
            raise InvalidInput(f"action must be one of {', '.join(_COMMANDS)}")
        if not isinstance(job_id, str) or not self.may_control(job_id):
            raise InvalidInput("job_id must be the id of a job of this connection")
        job = self.parts.queries.view(self.principal, job_id).task
        if job.type != dialect.TYPE:
            raise NotFound()
        try:
            task = self.parts.controller.control(self.principal, job_id, _COMMANDS[action])
        except Conflict as error:
            status = self.parts.queries.view(self.principal, job_id).task.status
            self.send(dialect.acknowledged(job_id, action, ok=False, status=status, message=error.message))
            return
        self.send(dialect.acknowledged(job_id, action, ok=True, status=task.status, message=task.message))

    def may_control(self, job_id: str) -> bool:
        return True

    def refuse(self, reason: str) -> None:
        self.send(dialect.error(None, reason))


class JobConnection(TrainingConnection):
    def __init__(
        self, parts: Delivery, principal: Principal, history: History, course: Course, replay: Replay | None
    ) -> None:
        """`course`: where the job stands, as `course_of` has it."""
        super().__init__(parts, principal)
        self._task, self._course, self._replay = history.task, course, replay

    def begin(self) -> None:
        super().begin()
        task = self._task
        self.send(dialect.status_update(self._course))
        if self._replay is not None:
            self.watch(task, self._replay.course, self._replay.since)
        elif task.terminal:
            self.send(dialect.ending(task, self._course))
        else:
            self.watch(task, self._course, task.last_seq)

    def may_control(self, job_id: str) -> bool:
        return job_id == self._task.id


class AllJobsConnection(TrainingConnection):
    """Every job that the principal may see: those there are, and those that come."""

    def __init__(self, parts: Delivery, principal: Principal, jobs: Sequence[tuple[Task, Course]],
                 everything: Everything) -> None:  # fmt: skip
        super().__init__(parts, principal)
        self._jobs = jobs
        self._everything = everything

    def begin(self) -> None:
        super().begin()
        for task, course in self._jobs:
            self._take(task, course, task.last_seq)
        self._jobs = ()
        self.parts.runtime.spawn(self._look_for_more)

    def _take(self, task: Task, course: Course, after: int) -> None:
        self.send(dialect.status_update(course))
        if not task.terminal or after < task.last_seq:
            self.watch(task, course, after)

    def _look_for_more(self) -> None:
        watcher = _NewTasks(self, self._discover)
        try:
            self._everything.enter(watcher)
        except RuncastError as error:
            metrics.failure("websocket_enter")
            self.close(1013, error.message[:100])
            return
        self.at_the_end(lambda: self._everything.leave(watcher))
        if not self.here:
            self._leave()

    def _discover(self, task_id: str) -> None:
        """A task that was not there before: if it is a job, it is told from its beginning. In a thread of its own."""
        try:
            task = self._read(task_id)
        except RuncastError as error:
            metrics.failure("websocket_discover")
            _log.warning("job_not_found_out", task_id=task_id, reason=error.message)
            return
        if task is not None and task.type == dialect.TYPE and self.here and not self.follows(task_id):
            self._take(task, beginning(task), 0)


class _NewTasks(Bystander):
    """A watcher of everything that wants to know which tasks there are: see `delivery.everything.Watcher`."""

    def __init__(self, connection: AllJobsConnection, found: Callable[[str], None]) -> None:
        self._connection = connection
        self._found = found

    @property
    def channel(self) -> _NewTasks:
        return self

    def sees(self, owner: str) -> bool:
        principal = self._connection.principal
        return principal.role is Role.ADMIN or owner == principal.user

    def push_of(self, owner: str, event: Event) -> None:
        if event.seq == 1 and self.sees(owner):
            self._connection.parts.runtime.spawn(self._found, event.task_id)

    def wanted(self) -> bool:
        return self._connection.here


def course_of(
    queries: Queries, principal: Principal, task: Task, known: Course | None = None, upto: int | None = None
) -> Course:
    """Where a job stands, with the best of its epochs so far: these are read from its history.

    `known`: where it stood after the event `upto`, by default where it stands now.
    """
    course, after = known or present(task), 0
    last = task.last_seq if upto is None else upto
    while True:
        page = queries.events(principal, task.id, after=after, limit=PAGE, types=[EventType.ITERATION_COMPLETE])
        for envelope in map(json.loads, page.envelopes):
            if envelope["seq"] > last:
                return course
            course = epoch_done(course, envelope["data"]["iteration"], envelope["data"]["metrics"])
            after = envelope["seq"]
        if len(page.envelopes) < PAGE:
            return course


def jobs_of(queries: Queries, principal: Principal) -> list[tuple[Task, Course]]:
    """The newest jobs, newest first."""
    page, _ = queries.page(principal, TaskFilter(type=dialect.TYPE), limit=JOBS)
    return [(task, course_of(queries, principal, task)) for task in page.tasks]
