"""Says the epoch, then writes without end and says each event's seq once it is acknowledged.

Arguments: URL, number of tasks.
"""

from __future__ import annotations

import os
import sys
import threading

from api.runtime.threads import ThreadRuntime
from api.store.sql import SqlStore
from tests.support.stores import a_task, say, task_id


def storm(store: SqlStore, task: str) -> None:
    while True:
        event = store.write(lambda tx: say(tx, task))
        os.write(1, f"{task} {event.seq}\n".encode())  # one write: whole lines, whatever the moment of the kill


def main(url: str, tasks: int) -> None:
    store = SqlStore(url, ThreadRuntime())
    os.write(1, f"{store.read(lambda tx: tx.epoch())}\n".encode())
    store.write(lambda tx: [tx.add_task(a_task(n)) for n in range(tasks)])
    for number in range(tasks):
        threading.Thread(target=storm, args=(store, task_id(number))).start()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
