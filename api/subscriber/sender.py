"""What an external task reports, on its way to the server: a bounded queue and the thread that empties it."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol

from api.errors import APIError, ClientError, ConnectionLost, TaskCancelled

_log = logging.getLogger(__name__)
Json = dict[str, Any]
Errors = Literal["log", "raise"]

INTERVAL_SECONDS = 0.1
"""`progress` is sent at most this often; the latest one always is."""
HEARTBEAT_SECONDS = 5.0
"""The server hears of a silent reporter this often, and the reporter of a cancel."""
MAX_WAITING = 10_000
"""Reports that may wait for a server that cannot be reached."""
BATCH = 50
"""Events in one request."""
RETRY_SECONDS = 1.0
LAST_WORD_SECONDS = 60.0
"""How long the end of the task is tried to be told."""
_LATER = frozenset({401, 403, 408, 429})
"""Refusals that may pass, like those from 500 on: a token is renewed, a rate falls."""
_COMPARED = 1000
"""Characters of a text by which it is known again."""
_OVER = frozenset({404, 409})
"""The task has ended, or is gone."""


class Server(Protocol):
    """The part of `APIClient` that is needed here."""

    def create_task(
        self, *, type: str, params: Mapping[str, Any], idempotency_key: str, **options: Any
    ) -> Mapping[str, Any]: ...
    def append_events(self, task_id: str, events: Sequence[Json]) -> Mapping[str, Any]: ...
    def heartbeat(self, task_id: str) -> Mapping[str, Any]: ...
    def get_task(self, task_id: str) -> Mapping[str, Any]: ...
    def events(self, task_id: str, since: int = 0) -> Iterable[Mapping[str, Any]]: ...
    def close(self) -> None: ...


class Sender:
    """Callable from any thread; only its own talks to the server once it has started."""

    def __init__(
        self, server: Server, name: str, params: Json, errors: Errors, on_cancel: Callable[[], None] | None
    ) -> None:
        """Creates the task. A server that cannot be reached is an error here only with `errors="raise"`."""
        self.task_id: str | None = None
        self.cancelled: str | None = None
        """Why, once it is."""
        self._server = server
        self._order: Json = {"type": "external", "params": params, "name": name, "idempotency_key": str(uuid.uuid4())}
        self._raising = errors == "raise"
        self._on_cancel = on_cancel
        self._changed = threading.Condition()
        self._waiting: deque[Json] = deque()
        self._progress: Json | None = None
        self._dropped = 0
        self._error: ClientError | None = None
        """To be raised at the next call."""
        self._over = False
        """The server takes nothing any more."""
        self._closing = False
        self._give_up = 0.0
        self._failing = False
        self._due = 0.0
        """When the next `progress` may be sent, or the next try be made after a failed one."""
        self._heard = time.monotonic()
        self._last_seq = 0
        self._doubtful = 0
        """So many of those that wait first were sent, and no answer came: they may be stored."""
        self._begin()
        self._thread = threading.Thread(target=self._run, name="runcast-report", daemon=True)
        self._thread.start()

    # -- the work's side -------------------------------------------------------------------------------

    def check(self) -> None:
        """Raise what the work has to hear."""
        if self.cancelled is not None:
            raise TaskCancelled(self.cancelled)
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def progress(self, event: Json) -> None:
        """Report `event` unless a later one comes before it could be sent."""
        self.check()
        with self._changed:
            if self._progress is None:  # else the thread knows already when to send it
                self._changed.notify()
            self._progress = event

    def put(self, event: Json) -> None:
        """Report `event`, after the progress before it."""
        self.check()
        with self._changed:
            self._queue(event)
            self._changed.notify()

    def end(self, event: Json) -> None:
        """Report the last event and wait until it is told; `TaskCancelled` when nobody wants to hear it any more."""
        with self._changed:
            self._queue(event)
        self.leave()
        self._thread.join(LAST_WORD_SECONDS)
        if self._thread.is_alive():
            with self._changed:
                self._over = True
            self._trouble(ConnectionLost("the end of the task could not be told: the server cannot be reached"))
        self.check()

    def leave(self) -> None:
        """Send what waits, then no heartbeat any more; does not wait for it."""
        with self._changed:
            self._closing = True
            self._give_up = time.monotonic() + LAST_WORD_SECONDS
            self._changed.notify()

    def _queue(self, event: Json | None) -> None:
        for each in (self._progress, event):
            if each is not None and not self._over:
                self._waiting.append(each)
        self._progress = None
        while len(self._waiting) > MAX_WAITING:
            del self._waiting[self._doubtful]  # what may be stored already stays until that is known
            self._dropped += 1

    # -- the thread ------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._wait():
                try:
                    self._turn()
                except ClientError as error:
                    self._unreachable(error)
                except Exception as error:  # noqa: BLE001  without this thread nothing would be sent again
                    self._unreachable(ClientError(f"{type(error).__name__}: {error}"))
        finally:
            self._server.close()

    def _turn(self) -> None:
        try:
            self._exchange(self.task_id or self._create())
        except APIError as error:
            self._refused(error)

    def _wait(self) -> bool:
        """Until there is something to send; False when there never will be."""
        with self._changed:
            while not self._is_done():
                left = self._next() - time.monotonic()
                if left <= 0:
                    return True
                self._changed.wait(left)
            return False

    def _is_done(self) -> bool:
        if not self._closing:
            return False
        return self._over or not (self._waiting or self._progress) or time.monotonic() > self._give_up

    def _next(self) -> float:
        if self._over:
            return time.monotonic() + HEARTBEAT_SECONDS
        if self._failing:
            return self._due
        if self._waiting or self._dropped or (self._progress and self._closing):
            return 0.0
        return self._due if self._progress else self._heard + HEARTBEAT_SECONDS

    def _exchange(self, task_id: str) -> None:
        """One request, for what waits or as a heartbeat."""
        with self._changed:
            self._queue(None)
            if self._dropped and not self._doubtful:
                self._waiting.appendleft(_dropped(self._dropped))
                self._dropped = 0
            batch = [self._waiting[n] for n in range(min(len(self._waiting), self._doubtful or BATCH))]
        if not batch:
            self._server.heartbeat(task_id)
        elif not (self._doubtful and self._is_stored(task_id, batch)):
            self._doubtful = len(batch)
            self._last_seq = self._server.append_events(task_id, batch)["last_seq"]
        self._done(len(batch))

    def _is_stored(self, task_id: str, batch: Sequence[Json]) -> bool:
        """Whether the server has this batch, sent before without an answer: it stores all of one or nothing."""
        try:
            stored = list(self._server.events(task_id, self._last_seq))
        except (APIError, ConnectionLost):
            raise
        except ClientError:  # they are not kept any longer: rather told twice than never
            return False
        for start in range(len(stored) - len(batch) + 1):
            if all(map(_is_same, batch, stored[start:])):
                self._last_seq = stored[start + len(batch) - 1]["seq"]
                return True
        return False

    def _done(self, sent: int) -> None:
        with self._changed:
            for _ in range(min(sent, len(self._waiting))):
                self._waiting.popleft()
            self._doubtful = 0
            self._heard = time.monotonic()
            self._due = self._heard + INTERVAL_SECONDS
            if self._failing:
                self._failing = False
                _log.warning("the server is there again: what was reported in the meantime is sent now")

    # -- trouble ---------------------------------------------------------------------------------------

    def _begin(self) -> None:
        try:
            self._create()
        except ClientError as error:
            if self._raising or not (isinstance(error, ConnectionLost) or _passes(error)):
                self._server.close()
                raise
            self._unreachable(error)

    def _create(self) -> str:
        self.task_id = str(self._server.create_task(**self._order)["task_id"])
        return self.task_id

    def _refused(self, error: APIError) -> None:
        if _passes(error):
            self._unreachable(error)
        elif self.task_id is None or error.status in _OVER:
            self._end_of_task(error)
        elif self._doubtful:
            self._drop_refused(error)
        else:
            self._unreachable(error)

    def _unreachable(self, error: ClientError) -> None:
        """Try again in a while; the work goes on."""
        if not self._failing:
            _log.warning("reports wait, the work goes on: %s", error.message)
        self._failing, self._due = True, time.monotonic() + RETRY_SECONDS
        if self._dropped and self._raising:
            self._error = ConnectionLost(f"{self._dropped} reports had to be dropped: {error.message}")

    def _drop_refused(self, error: APIError) -> None:
        """What the server will never take must not keep back what comes after it."""
        with self._changed:
            flaws = error.problem.get("errors") or [{}]
            index = (flaws[0].get("loc") or [None])[0]
            batch = self._doubtful
            self._doubtful = 0
            if isinstance(index, int) and 0 <= index < batch:
                del self._waiting[index]
            else:
                for _ in range(min(batch, len(self._waiting))):
                    self._waiting.popleft()
        self._trouble(error)

    def _end_of_task(self, error: APIError) -> None:
        """Cancelled, which the work is told; or ended otherwise, which is no reason to stop it."""
        cancelled = error.status == 409 and self._server.get_task(self.task_id or "")["status"] == "cancelled"
        with self._changed:
            self._over = True
            self._waiting.clear()
            self._progress = None
        if not cancelled:
            self._trouble(error)
            return
        self.cancelled = error.detail
        if self._on_cancel is not None:
            self._on_cancel()

    def _trouble(self, error: ClientError) -> None:
        _log.warning("not reported: %s", error.message)
        if self._raising:
            self._error = error


def _passes(error: ClientError) -> bool:
    return isinstance(error, APIError) and (error.status >= 500 or error.status in _LATER)


def _is_same(sent: Json, stored: Mapping[str, Any]) -> bool:
    """The server completes the data of an event, cuts texts that are too long, and changes nothing else."""
    data = stored["data"]
    return sent["event_type"] == stored["event_type"] and all(
        name in data and _head(data[name]) == _head(value) for name, value in sent["data"].items()
    )


def _head(value: Any) -> Any:
    return value[:_COMPARED] if isinstance(value, str) else value


def _dropped(count: int) -> Json:
    message = f"{count:,} reports were dropped here: the server could not be reached for too long"
    return {"event_type": "log", "data": {"level": "warning", "message": message, "logger": "runcast"}}
