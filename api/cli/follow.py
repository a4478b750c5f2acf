"""Follow a task on a screen until it ends."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from api.cli import exits
from api.cli.screen import Screen
from api.cli.view import View, after, connected, expecting, view_of
from api.errors import ClientError, ConnectionLost

if TYPE_CHECKING:
    from api.websocket_client import TaskWebSocketClient

Change = Callable[[View], View]
FIRST_LOOK_SECONDS = 0.5
"""After a change of status: a task that starts at once is not asked about."""
LOOK_SECONDS = 5.0
"""How often is asked what can be expected of a task that waits, or runs without a word."""


def follow(
    client: TaskWebSocketClient,
    task_id: str,
    screen: Screen,
    *,
    since: int | None,
    patience: float | None,
    look: Callable[[], tuple[str, str]] | None = None,
) -> View:
    """Show `task_id` from `since` on (None: its present state and what follows) until it ends.

    `look` asks the server for its status and what can be expected of it, in words: see `outlook`.
    Returns the last view. `ConnectionLost` when the connection was away for `patience` seconds on
    end (None: it is waited for without end). KeyboardInterrupt passes through: the task goes on.
    """
    news: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
    client.on_event = lambda _task_id, envelope: news.put(("event", envelope))
    client.on_connection_change = lambda state, detail: news.put(("connection", (state, detail)))
    client.on_lagged = lambda _task_id, data: news.put(("note", f"{data['skipped']} progress events skipped"))
    client.on_reset = lambda _task_id, data: news.put(("note", "some history was lost on the server"))
    client.on_refused = lambda _task_id, error: news.put(("refused", error))
    watch = _Lookout(look, news) if look is not None else None
    with _connected(client), screen:
        view = view_of(client.subscribe(task_id, since)["task"])
        if since is not None:
            view = View(view.task_id, name=view.name, type=view.type, max_attempts=view.max_attempts)
        screen.start(view)
        return _until_the_end(view, screen, news, patience, watch)


@contextmanager
def _connected(client: TaskWebSocketClient) -> Iterator[None]:
    client.connect()
    try:
        yield
    finally:
        client.disconnect()


class _Lookout:
    """Looks in a thread of its own, one at a time: a server that does not answer holds up nothing."""

    def __init__(self, look: Callable[[], tuple[str, str]], news: queue.SimpleQueue[tuple[str, Any]]) -> None:
        self._look = look
        self._news = news
        self._busy = False
        self._status = ""
        self._next_at = 0.0

    def due_in(self, view: View) -> float | None:
        """Seconds until the next look, None for none."""
        if view.status != self._status:
            self._status, self._next_at = view.status, time.monotonic() + FIRST_LOOK_SECONDS
        if self._busy or not view.asks or view.connection != "live":
            return None
        return max(0.0, self._next_at - time.monotonic())

    def begin(self) -> None:
        self._busy = True
        threading.Thread(target=self._run, name="runcast-outlook", daemon=True).start()

    def ended(self) -> None:
        self._busy = False
        self._next_at = time.monotonic() + LOOK_SECONDS

    def _run(self) -> None:
        try:
            found = self._look()
        except ClientError:  # the connection that is shown tells of it; the next look is soon
            found = ("", "")
        self._news.put(("outlook", found))


def _until_the_end(
    view: View,
    screen: Screen,
    news: queue.SimpleQueue[tuple[str, Any]],
    patience: float | None,
    lookout: _Lookout | None,
) -> View:
    lost_at: float | None = None
    while True:
        if news.empty():
            screen.idle()
        due_in = lookout.due_in(view) if lookout is not None else None
        if lookout is not None and due_in == 0.0:
            lookout.begin()
            due_in = None
        left = _left(lost_at, patience)
        try:
            kind, what = news.get(timeout=left if due_in is None else due_in)
        except queue.Empty:
            if due_in is not None:
                continue
            raise ConnectionLost(f"no connection for {patience:g} s: {view.connection_detail}") from None
        if kind == "event":
            view = after(view, what)
            screen.event(view, what)
            if view.ended:
                return view
        elif kind == "connection":
            was, view = view.connection, connected(view, *what)
            lost_at = None if view.connection == "live" else lost_at or time.monotonic()
            if view.connection != was or view.connection != "live":
                screen.state(view)
        elif kind == "refused":
            raise what
        elif kind == "outlook" and lookout is not None:
            lookout.ended()
            status, words = what
            if status == view.status and words != view.expected:
                view = expecting(view, words)
                screen.outlook(view)
        else:
            screen.note(what)


def _left(lost_at: float | None, patience: float | None) -> float | None:
    if lost_at is None or patience is None:
        return None
    return max(0.0, lost_at + patience - time.monotonic())


def exit_code(view: View) -> int:
    return exits.OF_STATUS[view.status]
