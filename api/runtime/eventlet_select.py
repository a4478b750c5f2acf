"""A selector for eventlet: its own green `select` may wake a thread twice.

With two descriptors ready in one turn of the hub, eventlet 0.41 switches to the waiting thread once for
each; the second switch ends whatever that thread waits for by then. Here one descriptor stands for all of
them at the hub, that of an epoll which keeps what it watches from one wait to the next.
"""

from __future__ import annotations

import selectors
from contextlib import suppress
from typing import Any

import eventlet.event
import eventlet.hubs
from eventlet.patcher import original

_select = original("select")  # the patched one has no epoll


class GreenSelector(selectors.SelectSelector):
    """As `selectors.EpollSelector`; only the thread that calls `select` waits."""

    def __init__(self) -> None:
        super().__init__()
        self._epoll = _select.epoll()

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = super().register(fileobj, events, data)
        try:
            self._epoll.register(key.fd, _mask(events))
        except BaseException:
            super().unregister(fileobj)
            raise
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = super().unregister(fileobj)
        with suppress(OSError):  # it has been closed, and is watched no more
            self._epoll.unregister(key.fd)
        return key

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = self._epoll.poll(0)
        if not found and (timeout is None or timeout > 0):
            _wait_for(self._epoll.fileno(), timeout)
            found = self._epoll.poll(0)
        keys = self.get_map()
        ready = []
        for descriptor, happened in found:
            key = keys[descriptor]
            ready.append((key, _events(happened) & key.events))
        return ready

    def close(self) -> None:
        self._epoll.close()
        super().close()


def _wait_for(descriptor: int, timeout: float | None) -> None:
    hub = eventlet.hubs.get_hub()
    event = eventlet.event.Event()

    def wake(*_: Any) -> None:
        if not event.ready():
            event.send()

    listener = hub.add(hub.READ, descriptor, wake, wake, wake)
    try:
        event.wait(timeout)
    finally:
        hub.remove(listener)


def _mask(events: int) -> int:
    reading = _select.EPOLLIN if events & selectors.EVENT_READ else 0
    writing = _select.EPOLLOUT if events & selectors.EVENT_WRITE else 0
    return int(reading | writing)


def _events(happened: int) -> int:
    """A descriptor at its end is ready for either."""
    reading = selectors.EVENT_READ if happened & ~_select.EPOLLOUT else 0
    writing = selectors.EVENT_WRITE if happened & ~_select.EPOLLIN else 0
    return reading | writing
