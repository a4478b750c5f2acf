"""Tasks put into a store and found again, for the tests of this folder."""

from __future__ import annotations

from typing import Any

from api.domain.task import Task
from api.ports import Store, TaskFilter, TaskPage
from tests.support.stores import task_id


def add(store: Store, *tasks: Task) -> None:
    store.write(lambda tx: [tx.add_task(task) for task in tasks])


def page(store: Store, limit: int = 50, cursor: str | None = None, **where: Any) -> TaskPage:
    return store.read(lambda tx: tx.tasks(TaskFilter(**where), limit=limit, cursor=cursor))


def found(store: Store, **where: Any) -> list[str]:
    return [task.id for task in page(store, **where).tasks]


def ids(*numbers: int) -> list[str]:
    return [task_id(number) for number in numbers]
