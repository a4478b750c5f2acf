"""Follow a task on a screen until it ends."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from api.cli import exits
from api.cli.screen import Screen
from api.cli.view import View, after, connected, view_of
from api.errors import ConnectionLost

if TYPE_CHECKING:
    from api.websocket_client import TaskWebSocketClient

Change = Callable[[View], View]


def follow(
    client: TaskWebSocketClient, task_id: str, screen: Screen, *, since: int | None, patience: float | None
) -> View:
    """Show `task_id` from `since` on (None: its present state and what follows) until it ends.

    Returns the last view. `ConnectionLost` when the connection was away for `patience` seconds on
    end (None: it is waited for without end). KeyboardInterrupt passes through: the task goes on.
    """
    news: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
    client.on_event = lambda _task_id, envelope: news.put(("event", envelope))
    client.on_connection_change = lambda state, detail: news.put(("connection", (state, detail)))
    client.on_lagged = lambda _task_id, data: news.put(("note", f"{data['skipped']} progress events skipped"))
    client.on_reset = lambda _task_id, data: news.put(("note", "some history was lost on the server"))
    client.on_refused = lambda _task_id, error: news.put(("refused", error))
    with _connected(client), screen:
        view = view_of(client.subscribe(task_id, since)["task"])
        if since is not None:
            view = View(view.task_id, name=view.name, type=view.type, max_attempts=view.max_attempts)
        screen.start(view)
        return _until_the_end(view, screen, news, patience)


@contextmanager
def _connected(client: TaskWebSocketClient) -> Iterator[None]:
    client.connect()
    try:
        yield
    finally:
        client.disconnect()


def _until_the_end(
    view: View, screen: Screen, news: queue.SimpleQueue[tuple[str, Any]], patience: float | None
) -> View:
    lost_at: float | None = None
    while True:
        if news.empty():
            screen.idle()
        try:
            kind, what = news.get(timeout=_left(lost_at, patience))
        except queue.Empty:
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
        else:
            screen.note(what)


def _left(lost_at: float | None, patience: float | None) -> float | None:
    if lost_at is None or patience is None:
        return None
    return max(0.0, lost_at + patience - time.monotonic())


def exit_code(view: View) -> int:
    return exits.OF_STATUS[view.status]
