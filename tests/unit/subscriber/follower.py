"""`python -m tests.unit.subscriber.follower URL TASK [WATCH ASLEEP PROBE]`: prints each event's number.

A process of its own, for tests that suspend it. The three times are those of `api.subscriber.link`.
"""

from __future__ import annotations

import sys

from api.subscriber import link
from api.websocket_client import TaskWebSocketClient


def main(url: str, task_id: str, *seconds: str) -> None:
    for name, value in zip(("WATCH_SECONDS", "ASLEEP_SECONDS", "PROBE_SECONDS"), seconds, strict=False):
        setattr(link, name, float(value))
    client = TaskWebSocketClient(url)
    client.on_event = lambda _, envelope: print(envelope["seq"], flush=True)
    client.connect()
    client.subscribe(task_id, since=0)
    print(client.wait_for_completion())
    client.disconnect()


if __name__ == "__main__":
    main(*sys.argv[1:])
