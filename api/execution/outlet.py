"""What leaves the child, in order: events at once, progress at most every 50 ms and always the last."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from api.domain.event import EventType
from api.execution import limits
from api.execution.channel import Message
from api.execution.progress import Coalescer, Eta, Percent, Point, progress_data
from api.execution.text import clean_line, clean_lines

_LOOK_SECONDS = 0.1
"""Between two looks whether it is still worth to wait for an answer."""
Send = Callable[[Message], None]


class Outlet:
    """Callable from any thread. A thread of its own sends the last progress when the work goes silent."""

    def __init__(self, send: Send, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._send = send
        self._clock = clock
        # Reentrant: a finaliser that the collector runs in here may log.
        self._changed = threading.Condition(threading.RLock())
        self._coalescer = Coalescer()
        self._percent = Percent()
        self._eta = Eta(clock())
        self._timer: threading.Thread | None = None
        self._marks = 0
        self._stored = 0
        self._answered = threading.Condition()

    def renew(self) -> None:
        """Another task begins: nothing is known of how far it is. What the last one said has been sent."""
        with self._changed:
            self._coalescer = Coalescer()
            self._percent = Percent()
            self._eta = Eta(self._clock())
            self._start_timer()

    def progress(self, where: Point) -> None:
        with self._changed:
            quiet = self._coalescer.due is None
            ready = self._coalescer.offer(where, self._clock())
            if ready is not None:
                self._send_progress(ready)
            elif quiet:
                self._start_timer()

    def event(self, kind: EventType, data: Mapping[str, Any]) -> None:
        self.message({"say": "event", "type": str(kind), "data": data})

    def message(self, message: Message) -> None:
        """Send it, after the progress that was reported before it."""
        with self._changed:
            self.flush()
            self._send(message)

    def log(self, text: str, level: str, logger: str | None = None) -> None:
        """One event for each line of `text`."""
        named = {"logger": clean_line(logger)[: limits.LOGGER]} if logger else {}
        for line in clean_lines(text):
            self.event(EventType.LOG, {"level": level, "message": line, **named})

    def wait_until_stored(self, given_up: Callable[[], bool]) -> None:
        """Block until everything that was said up to now is in the journal, or it is not to be waited for any more."""
        with self._changed:
            self._marks += 1
            number = self._marks
            self.message({"say": "mark", "number": number})
        with self._answered:
            while self._stored < number and not given_up():
                self._answered.wait(_LOOK_SECONDS)

    def stored(self, number: int) -> None:
        """The answer to that mark, from whatever thread hears it."""
        with self._answered:
            self._stored = max(self._stored, number)
            self._answered.notify_all()

    def flush(self) -> None:
        """Send the progress that waits, if any."""
        with self._changed:
            waiting = self._coalescer.take(self._clock())
            if waiting is not None:
                self._send_progress(waiting)

    def skip(self, seconds: float) -> None:
        """A pause of so many seconds is over: it does not count in the estimate of the time left."""
        with self._changed:
            self._eta.skip(seconds)

    def _send_progress(self, where: Point) -> None:
        eta = self._eta.update(where, self._clock())
        data = progress_data(where, self._percent.update(where), eta)
        self._send({"say": "event", "type": str(EventType.PROGRESS), "data": data})

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = threading.Thread(target=self._send_when_due, name="runcast-progress", daemon=True)
            self._timer.start()
        self._changed.notify()

    def _send_when_due(self) -> None:
        with self._changed:
            while True:
                due = self._coalescer.due
                if due is not None and due <= self._clock():
                    self.flush()
                else:
                    self._changed.wait(None if due is None else due - self._clock())
