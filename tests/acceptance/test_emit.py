"""`emit_task_update` from any thread of any process of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.support.events import Listener, history, submit, task, wait_for_status
from tests.support.servers import ROOT

FROM_A_SCRIPT = """
import json, sys, threading
from api.server import emit_task_update

task_id, count = sys.argv[1], int(sys.argv[2])
envelopes = []

def emit(number):
    envelopes.append(emit_task_update(task_id, "log", {"level": "info", "message": f"line {number}"}))

threads = [threading.Thread(target=emit, args=(number,)) for number in range(count)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(json.dumps(sorted(envelopes, key=lambda envelope: envelope["seq"])))
"""


def test_threads_of_another_process_write_the_journal_and_subscribers_hear_it(server):
    task_id = submit(server.url, "test-steps", {"n": 1000, "delay": 0.02})
    wait_for_status(server.url, task_id, "running")
    with Listener(server.url) as listener:
        listener.subscribe(task_id, since=0)
        environment = os.environ | {"RUNCAST_DATA_DIR": str(server.data_dir), "RUNCAST_ASYNC_MODE": "threading"}
        script = subprocess.run(
            [sys.executable, "-c", FROM_A_SCRIPT, task_id, "20"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert 0 == script.returncode, script.stderr
        written = json.loads(script.stdout)
        assert {f"line {number}" for number in range(20)} == {envelope["data"]["message"] for envelope in written}
        listener.call("control", {"task_id": task_id, "action": "cancel"})
        listener.wait_for_end(task_id)
        stored = history(server.url, task_id)
        assert all(envelope in stored for envelope in written)
        assert stored == listener.updates
    assert "cancelled" == task(server.url, task_id)["status"]
