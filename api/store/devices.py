"""What devices call their tasks: row ↔ value, the SQL for it, and that part of a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select

from api.domain.device_task import DeviceTask
from api.store import guards
from api.store.engine import Connection
from api.store.statement import Statement
from api.store.tables import device_tasks, tasks
from api.store.values import micros

CHUNK = 64
"""Ids per query of `OF_TASKS`; a shorter list is filled up by repeating one."""

_COLUMNS = [device_tasks.c[field.name] for field in fields(DeviceTask)]
_KEY = [device_tasks.c[name] == bindparam(name) for name in ("owner", "device", "client_id")]

FIND = Statement(select(*_COLUMNS).where(*_KEY))
OF_TASKS = Statement(select(*_COLUMNS).where(device_tasks.c.task_id.in_([bindparam(f"id_{n}") for n in range(CHUNK)])))
ADD = Statement(insert(device_tasks).values({column.name: bindparam(column.name) for column in device_tasks.c}))
DROP = Statement(delete(device_tasks).where(*_KEY))
_ENDED = (
    select(device_tasks.c.task_id)
    .join(tasks, tasks.c.id == device_tasks.c.task_id)
    .where(device_tasks.c.created_at < bindparam("before"), tasks.c.completed_at < bindparam("before"))
    .order_by(device_tasks.c.created_at)
    .limit(bindparam("limit"))
)
FORGET = Statement(delete(device_tasks).where(device_tasks.c.task_id.in_(_ENDED)))


class DeviceRows:
    """Part of `SqlTransaction`."""

    __slots__ = ()
    _connection: Connection
    _writable: bool

    def device_task(self, owner: str, device: str, client_id: int) -> DeviceTask | None:
        row = self._connection.row(FIND, owner=owner, device=device, client_id=client_id)
        return DeviceTask(*row) if row is not None else None

    def device_tasks(self, task_ids: Sequence[str]) -> dict[str, DeviceTask]:
        found: dict[str, DeviceTask] = {}
        for start in range(0, len(task_ids), CHUNK):
            chunk = list(task_ids[start : start + CHUNK])
            chunk += chunk[:1] * (CHUNK - len(chunk))
            rows = self._connection.rows(OF_TASKS, **{f"id_{n}": task_id for n, task_id in enumerate(chunk)})
            found |= {each.task_id: each for each in (DeviceTask(*row) for row in rows)}
        return found

    def save_device_task(self, entry: DeviceTask, at: datetime) -> None:
        guards.must_be_writable(self._writable)
        values = asdict(entry) | {"created_at": micros(at)}
        self._connection.change(DROP, {name: values[name] for name in ("owner", "device", "client_id")})
        self._connection.change(ADD, values)

    def forget_device_tasks(self, before: datetime, *, limit: int) -> int:
        guards.must_be_writable(self._writable)
        return self._connection.change(FORGET, {"before": micros(before), "limit": limit})
