"""The client itself: callbacks on a thread of its own, fed by a link, kept in order by the subscriptions."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from api.errors import ClientError, ConnectionLost
from api.subscriber.connection import Connection
from api.subscriber.link import ANSWER_SECONDS, Link
from api.subscriber.subscriptions import Acknowledged, Follow, Heard, Notice, Subscriptions

logger = logging.getLogger("runcast.client")

NAMESPACE = "/tasks"

Callback = Callable[[str, dict[str, Any]], object]


class TaskWebSocketClient:
    """Follows any number of tasks at once; a lost connection neither loses nor repeats an event.

    Set the callbacks, `connect()`, `subscribe(task_id)`, `wait_for_completion()`. Callbacks are called
    one at a time, in order, on a thread of the client, as `callback(task_id, data)`; one that raises
    is logged and the stream goes on. They may call every method but `wait_for_completion`. One that
    takes long delays those after it, and nothing else: the connection is kept up meanwhile.

    Beyond the five callbacks by type of event there are `on_event(task_id, envelope)` for every event
    whole, `on_lagged(task_id, data)` when the server skipped superseded progress,
    `on_reset(task_id, data)` when history was lost or trimmed on the server, so that what follows is the
    latest state and then live (with the task `"*"`: when a list of tasks has to be taken again),
    `on_refused(task_id, error)` when a task can't be followed any more, and
    `on_connection_change(state, detail)` with the state `live` or `reconnecting`.
    """

    def __init__(self, server_url: str = "http://localhost:5000", token: str | None = None) -> None:
        self.server_url = server_url.rstrip("/")
        self.connected = False
        self.on_status_change: Callback | None = None
        self.on_progress: Callback | None = None
        self.on_iteration_complete: Callback | None = None
        self.on_log: Callback | None = None
        self.on_error: Callback | None = None
        self.on_event: Callback | None = None
        self.on_lagged: Callback | None = None
        self.on_reset: Callback | None = None
        self.on_refused: Callable[[str, ClientError], object] | None = None
        self.on_connection_change: Callable[[str, str], object] | None = None
        self._link = Link(self.server_url, NAMESPACE, token, self)
        self._subscriptions = Subscriptions()
        self._changed = threading.Condition()
        """Guards the subscriptions and `connected`, and tells of every change of them."""
        self._goodbyes = 0
        """How often `disconnect` was called: who waits then has nothing left to wait for."""
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._dispatcher: threading.Thread | None = None

    @property
    def sio(self) -> Connection:
        """The python-socketio client of the present connection; each reconnection has a new one."""
        return self._link.connection

    @property
    def statuses(self) -> dict[str, str]:
        """The terminal status of each task that has ended."""
        with self._changed:
            return dict(self._subscriptions.ended)

    def connect(self, timeout: float | None = 10.0) -> None:
        """Connect, and from then on reconnect for as long as it takes, until `disconnect`.

        `ConnectionLost` when the first connection does not stand within `timeout` seconds (None: wait
        for ever); a server that comes up in that time is waited for.
        """
        if self._dispatcher is None or not self._dispatcher.is_alive():
            self._inbox = queue.SimpleQueue()
            self._dispatcher = threading.Thread(
                target=self._dispatch, args=(self._inbox,), name="runcast-dispatch", daemon=True
            )
            self._dispatcher.start()
        try:
            self._link.open(timeout)
        except ConnectionLost:
            self._inbox.put(None)
            raise

    def disconnect(self) -> None:
        """Close the connection and end the threads. The tasks go on; `connect()` resumes where it stood."""
        self._link.close()
        with self._changed:
            self.connected = False
        self._inbox.put(None)
        if self._dispatcher is not None and self._dispatcher is not threading.current_thread():
            self._dispatcher.join(ANSWER_SECONDS)
        with self._changed:
            self._goodbyes += 1
            self._changed.notify_all()

    def subscribe(self, task_id: str, since: int | None = None, timeout: float = ANSWER_SECONDS) -> dict[str, Any]:
        """Follow `task_id` (`"*"`: every task that may be seen) and return the server's answer.

        That is `{"ok", "task_id", "epoch", "last_seq", "recovered"?, "task"}`. `since=n` delivers every
        event after the n-th, `0` all of them; without it come the latest status and progress, then
        what happens from now on. `APIError` (404) for an unknown task, `ConnectionLost` without an
        answer in `timeout` seconds.
        """
        self._require_connect()
        with self._changed:
            follow = self._subscriptions.follow(task_id, since)
            if self.connected:
                self._ask(follow)
            self._changed.wait_for(lambda: follow.settled or not self._link.opened, timeout)
            if follow.answer is None:
                self._subscriptions.forget(task_id, follow)
        if follow.answer is not None:
            return follow.answer
        why = f"did not answer within {timeout:g} s" if self._link.opened else "had not answered before disconnect()"
        raise follow.refusal or ConnectionLost(f"{self.server_url} {why}")

    def unsubscribe(self, task_id: str, timeout: float = ANSWER_SECONDS) -> None:
        """Stop following `task_id`: from now on no callback is called for it."""
        self._require_connect()
        with self._changed:
            self._subscriptions.forget(task_id)
            self._changed.notify_all()
            connected = self.connected
        if connected:
            self._link.ask("unsubscribe", {"task_id": task_id}, timeout)

    def control(self, task_id: str, action: str, timeout: float = ANSWER_SECONDS) -> dict[str, Any]:
        """Ask for `pause`, `resume`, `cancel`, `stop` or `retry` and return the server's answer.

        That is `{"ok", "task_id", "action", "status", "message"?, "new_task_id"?}`. `APIError` when the
        server refuses (409: the state forbids it), `ConnectionLost` when it may or may not have heard.
        """
        self._require_connect()
        return self._link.ask("control", {"task_id": task_id, "action": action}, timeout)

    def wait_for_completion(self, timeout: float | None = None) -> str:
        """Block until every subscribed task has ended: `completed`, `failed` or `cancelled`.

        Of several tasks the worst is returned; `statuses` has each. A lost connection does not end
        the wait. `TimeoutError` after `timeout` seconds; `ClientError` when a task can't be followed
        any more (deleted, or no longer allowed), or when `disconnect` is called meanwhile.
        """
        if threading.current_thread() is self._dispatcher:
            raise RuntimeError("wait_for_completion would wait for ever inside a callback")
        with self._changed:
            goodbyes = self._goodbyes
            over = self._changed.wait_for(
                lambda: self._subscriptions.outcome() is not None or self._goodbyes > goodbyes, timeout
            )
            outcome = self._subscriptions.outcome()
            still_open = ", ".join(self._subscriptions.open()) or "no task yet"
        if not over:
            raise TimeoutError(f"not ended after {timeout} s: {still_open}")
        if outcome is None:
            raise ClientError(f"disconnected before the end of {still_open}")
        if isinstance(outcome, ClientError):
            raise outcome
        return outcome

    def _require_connect(self) -> None:
        if not self._link.opened:
            raise ClientError("not connected: call connect() first")

    # What the link tells: see api.subscriber.link.Listener.

    def link_up(self, connection: Connection) -> None:
        with self._changed:
            self.connected = True
            for follow in self._subscriptions.resumed():
                self._ask(follow)
        self._inbox.put(lambda: self._call(self.on_connection_change, "live", ""))

    def link_down(self, reason: str, next_try: float) -> None:
        with self._changed:
            self.connected = False
        detail = f"{reason}, next try in {next_try:.1f} s"
        self._inbox.put(lambda: self._call(self.on_connection_change, "reconnecting", detail))

    def link_stuck(self) -> bool:
        with self._changed:
            return self._subscriptions.overdue(time.monotonic() - ANSWER_SECONDS)

    def link_event(self, connection: Connection, event: str, data: Any) -> None:
        self._inbox.put(lambda: self._heard(connection, event, data))

    def _ask(self, follow: Follow) -> None:
        """Send `subscribe`. Under the lock: that it is counted and that it is sent must be one."""
        connection = self._link.connection

        def acknowledged(answer: Any = None) -> None:
            with self._changed:
                outcome = self._subscriptions.acknowledged(follow, answer)
                self._changed.notify_all()
            if outcome is Acknowledged.NOT_NOW:
                connection.drop()
            elif outcome is Acknowledged.NO_LONGER:
                self._inbox.put(lambda: self._call(self.on_refused, follow.cursor.task_id, follow.refusal))

        request = self._subscriptions.request(follow, time.monotonic())
        connection.send("subscribe", request, NAMESPACE, acknowledged)

    # The dispatcher: one thread, one message after another.

    def _dispatch(self, inbox: queue.SimpleQueue[Callable[[], None] | None]) -> None:
        while (item := inbox.get()) is not None:
            try:
                item()
            except Exception:  # what one message breaks must not silence those after it
                logger.exception("a message could not be dispatched", extra={"action": "dispatch"})

    def _heard(self, connection: Connection, event: str, data: Any) -> None:
        if not isinstance(data, dict):
            return
        with self._changed:
            if connection is not self._link.connection or not self._link.opened:
                return
            heard = self._subscriptions.heard(event, data)
            self._changed.notify_all()
        self._do(heard)

    def _on_task_update(self, envelope: dict[str, Any]) -> None:
        """Dispatch one envelope to the callbacks, unless it has been dispatched before."""
        with self._changed:
            heard = self._subscriptions.update(envelope)
        self._do(heard)

    def _do(self, heard: Heard) -> None:
        if heard.ask is not None:
            with self._changed:
                self._ask(heard.ask)
        for notice in heard.notices:
            self._tell(notice)

    def _tell(self, notice: Notice) -> None:
        if notice.kind == "reset":
            self._call(self.on_reset, notice.task_id, notice.data)
        elif notice.kind == "lagged":
            self._call(self.on_lagged, notice.task_id, notice.data)
        elif notice.kind == "refused":
            self._call(self.on_refused, notice.task_id, ClientError(str(notice.data.get("reason"))))
        else:
            self._tell_event(notice)

    def _tell_event(self, notice: Notice) -> None:
        envelope = notice.data
        self._call(self.on_event, notice.task_id, envelope)
        self._call(self._callback_of(envelope.get("event_type")), notice.task_id, envelope.get("data") or {})
        with self._changed:
            if self._subscriptions.told(envelope):
                self._leave(notice.task_id)
                self._changed.notify_all()

    def _leave(self, task_id: str) -> None:
        """An ended task has nothing more to say, and one connection may follow only so many."""
        if self.connected and self._subscriptions.follows(task_id):
            self._link.connection.send("unsubscribe", {"task_id": task_id}, NAMESPACE, lambda *_: None)

    def _callback_of(self, event_type: Any) -> Callback | None:
        return {
            "status_change": self.on_status_change,
            "progress": self.on_progress,
            "iteration_complete": self.on_iteration_complete,
            "log": self.on_log,
            "error": self.on_error,
        }.get(event_type)

    def _call(self, callback: Callable[..., object] | None, *args: Any) -> None:
        if callback is None:
            return
        try:
            callback(*args)
        except BaseException as problem:  # the caller's code: the stream goes on whatever it does, `sys.exit` too
            if not isinstance(problem, Exception) and threading.current_thread() is not self._dispatcher:
                raise
            logger.exception("a callback raised", extra={"action": "callback"})
