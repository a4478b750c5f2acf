"""What devices call their tasks, in memory: that part of a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from api.domain.device_task import DeviceTask
from api.store import guards
from api.store.memory_state import State


class MemoryDeviceRows:
    """Part of `MemoryTransaction`."""

    _state: State
    _writable: bool

    def device_task(self, owner: str, device: str, client_id: int) -> DeviceTask | None:
        return self._state.device_tasks.get((owner, device, client_id))

    def device_tasks(self, task_ids: Sequence[str]) -> dict[str, DeviceTask]:
        wanted = set(task_ids)
        return {each.task_id: each for each in self._state.device_tasks.values() if each.task_id in wanted}

    def save_device_task(self, entry: DeviceTask, at: datetime) -> None:
        guards.must_be_writable(self._writable)
        self._state.device_tasks[entry.owner, entry.device, entry.client_id] = entry

    def forget_device_tasks(self, before: datetime, *, limit: int) -> int:
        guards.must_be_writable(self._writable)
        old = [key for key, each in self._state.device_tasks.items() if self._ended(each.task_id, before)][:limit]
        for key in old:
            del self._state.device_tasks[key]
        return len(old)

    def _ended(self, task_id: str, before: datetime) -> bool:
        at = self._state.tasks[task_id].completed_at
        return at is not None and at < before
