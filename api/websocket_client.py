"""Live events of tasks over Socket.IO, for Python programs and notebooks.

    client = TaskWebSocketClient("http://localhost:5000")
    client.on_progress = lambda task_id, data: print(data["progress_percent"])
    client.connect()
    client.subscribe(task_id)
    print(client.wait_for_completion())

Needs `pip install requests "python-socketio[client]"` and nothing else. `python api/websocket_client.py`
shows it at work.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    # The script's own folder comes first in the path, and its modules would be found under wrong names.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import argparse

from api.async_client import AsyncTaskClient
from api.errors import ClientError
from api.subscriber.task_client import TaskWebSocketClient

__all__ = ["AsyncTaskClient", "TaskWebSocketClient"]


def example() -> None:
    """Follow a task given by `--task`, or the example optimisation, and print its events as they come."""
    parser = argparse.ArgumentParser(description=example.__doc__)
    parser.add_argument("--server", default="http://localhost:5000", metavar="URL")
    parser.add_argument("--task", metavar="ID", help="without it the example optimisation is submitted")
    arguments = parser.parse_args()
    client = TaskWebSocketClient(arguments.server)
    client.on_status_change = lambda _, data: print("status    ", data["status"], data.get("message") or "", flush=True)
    client.on_progress = lambda _, data: print(f"progress   {data['progress_percent']:.0f} %", flush=True)
    client.on_iteration_complete = lambda _, data: print("iteration ", data["iteration"], data["metrics"], flush=True)
    client.on_log = lambda _, data: print("log       ", ascii(data["message"]), flush=True)
    client.on_error = lambda _, data: print("error     ", ascii(data["error"]), flush=True)
    try:
        client.connect()
        client.subscribe(arguments.task or _submit_example(client.server_url), since=0)
        status = client.wait_for_completion()
    except ClientError as error:
        sys.exit(str(error))
    finally:
        client.disconnect()
    print("ended      " + status)
    sys.exit(0 if status == "completed" else 1)


def _submit_example(server_url: str) -> str:
    import requests  # only this example needs REST

    body = {"type": "optimization", "params": {"bom_file": "config/bom_example.json"}}
    answer = requests.post(f"{server_url}/api/tasks", json=body, timeout=10)
    if not answer.ok:
        raise ClientError(f"the example was refused: {answer.text}")
    return str(answer.json()["task_id"])


if __name__ == "__main__":
    example()
