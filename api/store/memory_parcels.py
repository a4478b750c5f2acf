"""Announcements between processes in memory: that part of a transaction."""

from __future__ import annotations

from collections.abc import Sequence

from api.domain.announcement import Parcel
from api.store import guards
from api.store.memory_state import State


class MemoryParcelRows:
    """Part of `MemoryTransaction`."""

    _state: State
    _writable: bool

    def add_parcels(self, origin: str, parcels: Sequence[Parcel], *, keep: int) -> None:
        guards.must_be_writable(self._writable)
        for parcel in parcels:
            self._state.parcels[self.last_parcel() + 1] = (origin, parcel)
        last = self.last_parcel()
        for number in [number for number in self._state.parcels if number <= last - keep]:
            del self._state.parcels[number]

    def parcels(self, *, after: int, without: str, limit: int) -> list[tuple[int, Parcel]]:
        stored = sorted(self._state.parcels.items())
        return [(number, parcel) for number, (origin, parcel) in stored if number > after and origin != without][:limit]

    def last_parcel(self) -> int:
        return max(self._state.parcels, default=0)
