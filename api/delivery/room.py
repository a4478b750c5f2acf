"""Waiting for a connection to have room for more."""

from __future__ import annotations

from collections.abc import Callable

from api.runtime.base import Runtime, Waiter

ROOM_SECONDS = 5.0
"""How long one wait lasts, should its end be missed."""


class Room:
    """`drained` wakes everybody who waits."""

    def __init__(self, runtime: Runtime, is_there: Callable[[], bool]) -> None:
        """`is_there`: whether there is room now, or nobody any more who would need it."""
        self._runtime = runtime
        self._is_there = is_there
        self._waiting: list[Waiter] = []

    def wait(self) -> None:
        """Block the calling background thread until there is room."""
        waiter = self._runtime.waiter()
        self._waiting.append(waiter)
        if not self._is_there():
            waiter.wait(ROOM_SECONDS)
        if waiter in self._waiting:
            self._waiting.remove(waiter)

    def drained(self) -> None:
        """There may be room again. Neither blocks nor switches."""
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.set()
