"""What the events of tasks mean to topics: logs, alerts and notifications, while somebody listens to them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from api import metrics
from api.delivery.everything import Bystander, Everything
from api.delivery.topics.hub import Topics
from api.domain.announcement import Announcement, Severity, Topic, alert, log, notification
from api.domain.event import Event, EventType
from api.domain.task import Task
from api.errors import RuncastError
from api.log import get_logger
from api.ports import Store, Transaction
from api.runtime.base import Runtime

_log = get_logger(__name__)
TOPICS = (Topic.LOGS, Topic.ALERTS, Topic.NOTIFICATIONS)
LINGER_SECONDS = 5.0
"""How long it goes on listening when nobody else does: a page that is loaded anew comes back at once."""
WAITING = 1000
"""Events about whose tasks something is to be read; of more the oldest are left out, and counted."""
TOGETHER = 100
TITLE = 200
"""Characters of a task's name in a title."""
_ENDS = {"completed": "has completed", "failed": "has failed", "cancelled": "was cancelled"}


class News(Bystander):
    """A watcher of everything (see `delivery.everything.Watcher`) that announces what it hears, in this process."""

    def __init__(self, topics: Topics, everything: Everything, store: Store, runtime: Runtime) -> None:
        self._topics = topics
        self._everything = everything
        self._store = store
        self._runtime = runtime
        self._listening = False
        self._waiting: deque[Event] = deque(maxlen=WAITING)
        self._reading = False
        for topic in TOPICS:
            topics.joined[topic].append(self.listen)

    def listen(self) -> None:
        """Hear of every task from now on, until nobody listens to these topics. `Unavailable`."""
        if self._listening:
            return
        self._listening = True
        try:
            self._everything.enter(self)
        except RuncastError:
            self._listening = False
            raise
        self._runtime.spawn(self._leave_in_the_end)

    def _leave_in_the_end(self) -> None:
        while self._topics.wanted(*TOPICS):
            self._runtime.sleep(LINGER_SECONDS)
        self._everything.leave(self)
        self._listening = False
        if self._topics.wanted(*TOPICS):  # somebody has come just now, and found it listening
            self.listen()

    # -- a watcher of everything

    @property
    def channel(self) -> News:
        return self

    def sees(self, owner: str) -> bool:
        return True

    def push_of(self, owner: str, event: Event) -> None:
        if event.type is EventType.LOG:
            self._topics.announce(_line(owner, event))
        elif event.terminal or "stalled" in event.data:
            self._waiting.append(event)
            if len(self._waiting) == WAITING:
                metrics.failure("news_left_out")
            if not self._reading:
                self._reading = True
                self._runtime.spawn(self._read)

    def wanted(self) -> bool:
        return self._listening

    # -- events that need their task

    def _read(self) -> None:
        """In a thread of its own for as long as there are any."""
        try:
            while self._waiting:
                self._tell([self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))])
        finally:
            self._reading = False

    def _tell(self, events: Sequence[Event]) -> None:
        def read(tx: Transaction) -> list[Task | None]:
            return [tx.task(event.task_id) for event in events]

        try:
            tasks = self._store.read(read)
        except RuncastError as error:
            metrics.failure("news")
            _log.warning("news_not_told", reason=error.message, count=len(events))
            return
        for task, event in zip(tasks, events, strict=True):
            if task is not None:
                for announcement in told(task, event):
                    self._topics.announce(announcement)


def _line(owner: str, event: Event) -> Announcement:
    logger = event.data.get("logger")
    return log(
        str(event.data.get("level", "info")),
        str(event.data.get("message", "")),
        str(logger) if logger else "task",
        owner=owner,
        task_id=event.task_id,
    )


def told(task: Task, event: Event) -> list[Announcement]:
    """What an event of a task means to those who do not watch it."""
    name = f"{task.type} “{task.name[:TITLE]}”" if task.name else f"{task.type} {task.id[:8]}"
    link = f"/tasks/{task.id}"
    if not event.terminal:
        if not event.data.get("stalled"):
            return []
        words = str(event.data.get("message", ""))
        return [alert("task_stalled", f"{name} has stalled", words, Severity.WARNING, owner=task.owner, link=link)]
    status = str(event.data.get("status", "failed"))
    body = str(event.data.get("error") or event.data.get("message") or "")
    title = f"{name} {_ENDS.get(status, status)}"
    tellings = [notification(task.owner, title, body, link)]
    if event.type is EventType.ERROR:
        tellings.append(alert("task_failed", title, body, Severity.ERROR, owner=task.owner, link=link))
    return tellings
