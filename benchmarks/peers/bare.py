"""Flask-SocketIO as it comes on eventlet: a background thread emits to a room. No journal, no child process.

python -m benchmarks.peers.bare PORT
"""

# ruff: noqa: E402  (the patch comes before every other import)
from __future__ import annotations

import warnings

warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
import eventlet

eventlet.monkey_patch()

import sys
import time
from typing import Any

from flask import Flask
from flask_socketio import SocketIO, join_room

app = Flask(__name__)
socketio = SocketIO(app, async_mode="eventlet")


@socketio.on("subscribe", namespace="/tasks")
def subscribe(data: dict[str, Any]) -> None:
    join_room("task")
    socketio.emit("subscribed", {}, namespace="/tasks")


@socketio.on("run", namespace="/tasks")
def run(data: dict[str, Any]) -> None:
    socketio.start_background_task(ticks, data["n"], data["per_second"])


def ticks(n: int, per_second: float) -> None:
    start = time.monotonic()
    for tick in range(1, n + 1):
        socketio.sleep(max(0.0, start + tick / per_second - time.monotonic()))
        data = {"attempt": 1, "iteration": tick, "metrics": {"sent": time.monotonic()}}
        tell(tick, "iteration_complete", data)
    tell(n + 1, "status_change", {"attempt": 1, "status": "completed"})


def tell(seq: int, event_type: str, data: dict[str, Any]) -> None:
    envelope = {
        "task_id": "00000000-0000-0000-0000-000000000000",
        "seq": seq,
        "event_type": event_type,
        "data": data,
        "timestamp": "2026-01-01T00:00:00.000000Z",
    }
    socketio.emit("task_update", envelope, namespace="/tasks", to="task")


if __name__ == "__main__":
    port = int(sys.argv[1])
    listener = eventlet.listen(("127.0.0.1", port), backlog=1024)
    listener.setsockopt(6, 1, 1)  # TCP_NODELAY, which its own run() does not set
    print("listening", flush=True)
    eventlet.wsgi.server(listener, app, log_output=False, max_size=20000)
