"""Schedules in memory: that part of a transaction."""

from __future__ import annotations

from datetime import datetime

from api.domain.schedule import Schedule
from api.ports import SchedulePage
from api.store import guards, listing
from api.store.memory_state import State
from api.store.schedules import cut
from api.store.values import micros


class MemoryScheduleRows:
    """Part of `MemoryTransaction`."""

    _state: State
    _writable: bool

    def schedule(self, schedule_id: str) -> Schedule | None:
        return self._state.schedules.get(schedule_id)

    def schedules(self, *, visible_to: str | None, limit: int, cursor: str | None = None) -> SchedulePage:
        seen = [each for each in self._state.schedules.values() if visible_to in (None, each.owner)]
        seen.sort(key=_place, reverse=True)
        after = listing.from_cursor(cursor) if cursor is not None else None
        rest = [each for each in seen if after is None or _place(each) < (after.created_at, after.task_id)]
        return cut(rest, len(seen), limit)

    def due_schedules(self, now: datetime, *, limit: int) -> list[Schedule]:
        due = [(each.next_run_at, each) for each in self._state.schedules.values() if each.next_run_at is not None]
        return [each for at, each in sorted(due, key=lambda pair: pair[0]) if at <= now][:limit]

    def next_schedule_at(self) -> datetime | None:
        times = (each.next_run_at for each in self._state.schedules.values())
        return min((at for at in times if at is not None), default=None)

    def add_schedule(self, schedule: Schedule) -> None:
        guards.must_be_writable(self._writable)
        self._state.schedules[schedule.id] = schedule

    def save_schedule(self, schedule: Schedule) -> bool:
        guards.must_be_writable(self._writable)
        stored = self._state.schedules.get(schedule.id)
        if stored is None or stored.revision != schedule.revision - 1:
            return False
        self._state.schedules[schedule.id] = schedule
        return True

    def delete_schedule(self, schedule_id: str) -> None:
        guards.must_be_writable(self._writable)
        self._state.schedules.pop(schedule_id, None)


def _place(schedule: Schedule) -> tuple[int, str]:
    return micros(schedule.created_at), schedule.id
