"""A selector for eventlet: its own green `select` may wake a thread twice.

With two descriptors ready in one turn of the hub, eventlet 0.41 switches to the waiting thread once for
each; the second switch ends whatever that thread waits for by then. Here the callbacks only set an event.
"""

from __future__ import annotations

import selectors
from collections.abc import Iterable
from typing import Any

import eventlet.event
import eventlet.hubs
from eventlet.patcher import original

_select = original("select")  # its `poll`: `select.select` refuses descriptors from 1,024 on


class GreenSelector(selectors.SelectSelector):
    """As `selectors.SelectSelector`; only the thread that calls `select` waits."""

    def _select(
        self, readers: Iterable[int], writers: Iterable[int], _errors: object, timeout: float | None = None
    ) -> tuple[list[int], list[int], list[int]]:
        if timeout is None or timeout > 0:
            _wait_for_any(readers, writers, timeout)
        return _ready(readers, writers)


def _wait_for_any(readers: Iterable[int], writers: Iterable[int], timeout: float | None) -> None:
    hub = eventlet.hubs.get_hub()
    event = eventlet.event.Event()

    def wake(*_: Any) -> None:
        if not event.ready():
            event.send()

    listeners = [hub.add(hub.READ, descriptor, wake, wake, wake) for descriptor in readers]
    listeners += [hub.add(hub.WRITE, descriptor, wake, wake, wake) for descriptor in writers]
    try:
        event.wait(timeout)
    finally:
        for listener in listeners:
            hub.remove(listener)


def _ready(readers: Iterable[int], writers: Iterable[int]) -> tuple[list[int], list[int], list[int]]:
    poll = _select.poll()
    reading, writing = set(readers), set(writers)
    for descriptor in reading | writing:
        wanted = (_select.POLLIN if descriptor in reading else 0) | (_select.POLLOUT if descriptor in writing else 0)
        poll.register(descriptor, wanted)
    found = poll.poll(0)
    return (
        [descriptor for descriptor, events in found if descriptor in reading and events & ~_select.POLLOUT],
        [descriptor for descriptor, events in found if descriptor in writing and events & ~_select.POLLIN],
        [],
    )
