"""For workers of another application, such as a Celery task of its own: tell how an external task goes.

    from api.notify import TaskNotifier

    notifier = TaskNotifier("http://localhost:5000")
    notifier.send_progress_update(task_id, 40.0, "processing", current=4, total=10, message="page 4")
    notifier.send_task_complete(task_id, True, "10 pages", {"pages": 10})

The task is made before, by `APIClient.create_task(type="external", params={…})`, and its id handed to the worker.
Needs `pip install requests`; see `APIClient.report` where the work itself can be wrapped.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Mapping
from typing import Any

from api.client import APIClient
from api.errors import APIError, ClientError
from api.subscriber.report import plain

_log = logging.getLogger(__name__)
URL = "http://localhost:5000"
READ_SECONDS = 5.0
LAST_WORD = (0.0, 0.5, 2.0)
"""Seconds before each try to tell the end of a task."""
REST_SECONDS = 1.0
"""After the server could not be reached no progress is tried to be told for so long: the work must not wait."""


class TaskNotifier:
    """Callable from any thread, and from processes that were forked after it was made.

    No method raises. Each returns whether the server has taken what it was told; `failed` counts what it has not.
    """

    def __init__(self, server_url: str | None = None, token: str | None = None) -> None:
        """`server_url`: by default `RUNCAST_URL` of the environment, else http://localhost:5000."""
        self.server_url = server_url or os.environ.get("RUNCAST_URL") or URL
        self._token = token
        self._lock = threading.Lock()
        self._quiet_until = 0.0
        self.failed = 0

    def send_progress_update(
        self,
        task_id: str,
        progress: float,
        status: str,
        current: int | None = None,
        total: int | None = None,
        message: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> bool:
        """`progress` in percent. `status` is a word of the worker's own, shown as the message when there is none."""
        data: dict[str, Any] = {
            "progress_percent": progress,
            "current_iteration": 0 if current is None else current,
            "max_iterations": total,
            "message": str(status) if message is None else str(message),
        }
        if details is not None:
            data["details"] = details
        with self._lock:
            silent = time.monotonic() < self._quiet_until or not _is_number(progress)
            self.failed += silent
        return not silent and self._told(task_id, "progress", data, (0.0,))

    def send_task_complete(
        self, task_id: str, success: bool, message: str, result: Mapping[str, Any] | None = None
    ) -> bool:
        """The end of the task; without `success` it has failed, with `message` as the reason."""
        if not success:
            return self.send_task_error(task_id, message)
        data = {"status": "completed", "message": str(message), "result": result}
        return self._told(task_id, "status_change", data, LAST_WORD)

    def send_task_error(self, task_id: str, error: str, error_details: Any = None) -> bool:
        """The task has failed. `error_details`: a traceback as text, or any JSON value."""
        data: dict[str, Any] = {"error": str(error)}
        if isinstance(error_details, str):
            data["traceback"] = error_details
        elif error_details is not None:
            data["details"] = error_details
        return self._told(task_id, "error", data, LAST_WORD)

    def _told(self, task_id: str, event_type: str, data: Mapping[str, Any], tries: tuple[float, ...]) -> bool:
        problem: Exception | None = None
        for pause in tries:
            time.sleep(pause)
            try:
                event = {"event_type": event_type, "data": plain(data)}
                with APIClient(self.server_url, self._token, read_seconds=READ_SECONDS) as client:
                    client.append_events(str(task_id), [event])
                return True
            except APIError as error:
                problem = error
                if error.status < 500:
                    break
            except ClientError as error:
                problem = error
                with self._lock:
                    self._quiet_until = time.monotonic() + REST_SECONDS
            except Exception as error:  # noqa: BLE001  whatever is wrong here, the work goes on; counted and logged
                problem = error
                break
        with self._lock:
            self.failed += 1
        _log.warning("not told of task %s: %s: %s", task_id, event_type, problem)
        return False


def _is_number(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except (TypeError, OverflowError):
        return False
